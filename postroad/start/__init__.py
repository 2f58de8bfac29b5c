"""What an operator's config.py calls, by the name that stands in their repositories."""

from postroad.roles.run.start import start

__all__ = ["start"]
