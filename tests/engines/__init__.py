"""Frames that are spread over machines: real clusters on this one."""
