"""Wishes: what residents ask for, from the first word to the answer."""
