"""Rows become records: the rules of a save, whichever way the rows came in."""
