"""A message that is submitted as an application would, and followed to its end."""
