"""A unit whose work goes to another one."""
