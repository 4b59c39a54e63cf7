"""Plausible defects of the code that decides about rows, each of which the suite has to notice.

`python -m tests.mutants` puts them into a copy of the project one by one, and runs the tests that are to fail then. One
that survives is a hole in the suite: it wants a test, not a weaker mutant.
"""
