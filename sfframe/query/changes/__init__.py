"""Changes: what was written and deleted since the last look."""
