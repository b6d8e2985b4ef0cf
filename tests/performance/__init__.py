"""Ratios, measured side by side in one run: each row against what a user would write without it."""
