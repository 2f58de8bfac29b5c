"""Daemons brought to what is installed, one stream after another."""
