"""The emulator: a Bulk API 2.0 server over DuckDB. Imports nothing of sfframe."""
