"""Answers that no org in its senses gives: each ends soon in a result or an `SfframeError`, never wrong in silence.

python -m tests.fuzz 100000
"""
