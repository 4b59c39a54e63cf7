"""Schema: which columns an answer has, by describe, and their dtypes."""
