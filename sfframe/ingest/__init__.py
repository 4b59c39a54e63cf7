"""Frame -> org: check, payload, jobs, matching."""
