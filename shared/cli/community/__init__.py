"""A whole community as a file: read, checked, entered, written out again."""
