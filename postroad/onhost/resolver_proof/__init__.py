"""Whether a host's resolver answers and validates."""
