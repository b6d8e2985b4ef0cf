"""Needs (W3): what requests, wishes, visits and incidents show to be lacking, to their one exit."""
