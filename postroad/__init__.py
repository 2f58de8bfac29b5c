"""postroad: the road that a shop's mail travels, from a bare host to a strict receiver."""
