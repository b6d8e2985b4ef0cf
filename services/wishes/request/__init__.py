"""Requests (W2): enquiries, opinions, complaints and problems, from receipt to end."""
