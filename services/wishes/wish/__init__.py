"""Micro-wishes, from the first word to the requester's own (W1)."""
