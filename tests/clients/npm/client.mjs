// Runs one deed of jsforce against a local org: `node client.mjs DEED`, arguments as JSON on stdin, answer on stdout.
import { readFileSync } from "node:fs";
import jsforce from "jsforce";

const { url, token, ...given } = JSON.parse(readFileSync(0, "utf8"));
const connection = new jsforce.Connection({ instanceUrl: url, accessToken: token });

const deeds = {
  async load({ options, rows }) {
    return connection.bulk2.loadAndWaitForResults({ ...options, input: rows, pollInterval: 20, pollTimeout: 30_000 });
  },
  // Step by step, as its documentation shows for long jobs.
  async steps({ options, rows }) {
    const job = connection.bulk2.createJob(options);
    await job.open();
    await job.uploadData(rows);
    await job.close();
    await job.poll(20, 30_000);
    const info = await job.check();
    const results = await job.getAllResults();
    await job.delete();
    return { state: info.state, results };
  },
  async bulkQuery({ soql, all }) {
    connection.bulk2.pollInterval = 20;
    connection.bulk2.pollTimeout = 30_000;
    const stream = await connection.bulk2.query(soql, { scanAll: all ?? false });
    return stream.toArray();
  },
  async query({ soql, maxFetch }) {
    return connection.query(soql, { autoFetch: true, maxFetch: maxFetch ?? 100_000 });
  },
  async pages({ soql }) {
    const sizes = [];
    let page = await connection.query(soql);
    const records = [...page.records];
    sizes.push(page.records.length);
    while (!page.done) {
      page = await connection.queryMore(page.nextRecordsUrl);
      sizes.push(page.records.length);
      records.push(...page.records);
    }
    return { sizes, records, total: page.totalSize };
  },
  async rows({ rows }) {
    const contacts = connection.sobject("Contact");
    const created = await contacts.create(rows);
    const ids = created.map((outcome) => outcome.id);
    const read = await contacts.retrieve(ids);
    const one = await contacts.retrieve(ids[0]);
    const updated = await contacts.update(ids.map((id, n) => ({ Id: id, Description: rows[rows.length - 1 - n].Description })));
    const upserted = await contacts.upsert([{ ExternalId__c: "new", LastName: "New" }, { ExternalId__c: rows[0].ExternalId__c, LastName: "Old" }], "ExternalId__c");
    const gone = await contacts.destroy(ids.slice(1, 3));
    return { created, read, one, updated, upserted, gone };
  },
  async one({ row }) {
    const contacts = connection.sobject("Contact");
    const made = await contacts.create(row);
    await contacts.update({ Id: made.id, Title: "Dr\n\"x\"" });
    const key = await contacts.upsert({ ExternalId__c: row.ExternalId__c, Department: "R&D" }, "ExternalId__c");
    const found = await contacts.findOne({ ExternalId__c: row.ExternalId__c }, ["Id", "Title", "Department", "Description"]);
    await contacts.destroy(made.id);
    const left = await contacts.count({ ExternalId__c: row.ExternalId__c });
    return { made, key, found, left };
  },
  async about() {
    const [identity, described, all, limits] = await Promise.all([
      connection.identity(), connection.sobject("Contact").describe(), connection.describeGlobal(), connection.limits(),
    ]);
    return { identity, described, all, limits };
  },
  // How to log in: by password over SOAP, and by the grants of OAuth.
  async login({ loginUrl, username, password, clientId, clientSecret, refreshToken }) {
    const soap = new jsforce.Connection({ loginUrl });
    const user = await soap.login(username, password);
    const oauth2 = { loginUrl, clientId, clientSecret };
    const app = new jsforce.Connection({ instanceUrl: loginUrl, oauth2 });
    await app.authorize({ grant_type: "client_credentials" });
    const refreshed = new jsforce.Connection({ instanceUrl: loginUrl, oauth2, refreshToken });
    const identities = await Promise.all([soap.identity(), app.identity(), refreshed.identity()]);
    await app.logout();
    return { user, names: identities.map((identity) => identity.username) };
  },
};

try {
  process.stdout.write(JSON.stringify(await deeds[process.argv[2]](given)));
} catch (error) {
  process.stdout.write(JSON.stringify({ error: { name: error.name, message: error.message, code: error.errorCode } }));
}
