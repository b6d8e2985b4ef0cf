"""Erasure: what wishes does when the directory asks to forget a resident."""
