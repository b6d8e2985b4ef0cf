"""The agenda: what residents ask for, as a council would put it on its table."""
