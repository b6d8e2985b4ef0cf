"""`cogov`: one command for operators, developers and the demo."""
