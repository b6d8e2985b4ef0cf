"""Kafka: topics as code, the FastStream declaration, and the bus."""
