"""Inputs that nobody would send on purpose: none of them may bring a 500, a hang or a dead worker.

python -m tests.localorg.fuzz 100000
"""
