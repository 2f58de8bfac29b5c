"""Mail as honest shops write it and as strangers would, generated: the same seed, the same mail."""
