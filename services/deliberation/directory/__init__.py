"""The directory (X1, X2): where places stand, whom a login stands for, who holds which role."""
