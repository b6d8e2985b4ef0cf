"""What a unit or a level is told, and whether it went out."""
