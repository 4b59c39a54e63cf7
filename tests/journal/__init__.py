"""Journals: runs that die at any step, and are finished by whoever comes later."""
