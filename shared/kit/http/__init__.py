"""The HTTP edge: commands and queries over FastAPI, problems, health, metrics, limits."""
