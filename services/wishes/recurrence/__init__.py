"""Matters that recur: brought before the council, and told back to every request (W3, D1)."""
