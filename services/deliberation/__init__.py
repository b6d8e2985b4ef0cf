"""Deliberation: who decides, by which right, and what was decided."""
