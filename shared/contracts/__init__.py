"""The published language: the envelope, ids, topics, and the events of every public stream."""
