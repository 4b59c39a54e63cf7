"""Lookup: the org's fields for keys."""
