"""Households (X1), where they live, and who lives in them, on every day."""
