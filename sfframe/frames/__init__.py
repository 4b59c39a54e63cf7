"""Front ends: one room per frame library."""
