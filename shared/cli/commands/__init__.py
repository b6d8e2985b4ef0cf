"""The commands by group; each module adds its own to the application."""
