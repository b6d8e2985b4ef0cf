"""Working days and deadlines, as the district adopts them."""
