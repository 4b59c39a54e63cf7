"""Scan: an object of the org as a LazyFrame."""
