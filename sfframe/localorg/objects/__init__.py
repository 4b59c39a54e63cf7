"""What an org knows of its objects: describe answers, and what follows from them."""
