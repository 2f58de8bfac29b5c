"""Sending hosts that carry the same mail in turns, each with software of its own."""
