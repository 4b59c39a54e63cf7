"""What sfframe costs, beside other clients and beside the least that the work can cost.

`make bench`, or `python -m tests.benchmarks` with `requirements.txt` installed beside the project.
"""
