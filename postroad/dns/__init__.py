"""The DNS records an estate needs, derived from the model alone."""
