"""The proofs. Where several processes share the cores, Polars has one thread in each: more only stand in the way."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before Polars is imported, which reads it then
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
