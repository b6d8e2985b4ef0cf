"""Erasure: the directory forgets a resident, and sees that every service does (ADR 11)."""
