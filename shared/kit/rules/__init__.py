"""What happens by itself, run by the writer's process: policies, timers, effects, runs (ADR 9)."""
