"""Subcommands of ``postroad``; postroad.cli lists them."""
