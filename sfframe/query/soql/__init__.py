"""SOQL as text: what a statement selects, and values put into it."""
