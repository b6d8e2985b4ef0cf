"""The district's category policy: the tree of categories and the rule that assigns one."""
