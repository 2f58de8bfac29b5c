"""What the world sees of a host, by the host's own resolver."""
