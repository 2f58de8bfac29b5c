"""A first repository of an operator's own: what is asked for it, and the files that are written."""
