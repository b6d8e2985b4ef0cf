"""How a community is laid out (X1): premises, grid and party, and its cadres, on every day."""
