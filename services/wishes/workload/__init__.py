"""How many open requests each unit has; here it is only set right."""
