"""Evidence: the files that belong to a request (X10)."""
