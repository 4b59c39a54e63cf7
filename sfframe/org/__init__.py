"""The org: who it is, where it is, how to talk to it."""
