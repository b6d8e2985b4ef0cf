"""Residents: the directory's roll of persons, whose names lie in the vault."""
