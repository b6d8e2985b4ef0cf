"""Machinery with no word of the domain: the log, its writer, what carries and folds it."""
