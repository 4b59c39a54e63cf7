"""Single records and small collections of them over REST: read, written, and what has changed."""
