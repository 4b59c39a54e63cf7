"""Queries and what is kept of them: query jobs with their result files, cursors of REST queries."""
