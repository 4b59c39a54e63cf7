"""Ingest jobs: uploads, their run, their results."""
