"""Pushdown: what of a Polars predicate may travel as a WHERE clause."""
