"""Read models: pure folds of the log into tables that the engine owns."""
