"""Pages: an answer as it comes, over REST or by a query job, each page in order and counted."""
