"""Many at once, and for long: jobs, threads, parts, hours. Nothing grows, nothing is left open.

python -m tests.load
"""
