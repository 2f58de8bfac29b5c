"""Scripts that a host runs for the audit.

Each is sent over standard input, gets what it needs to know as JSON in its one argument, changes
nothing, and prints JSON. They are written for Python 3.10 and the packages that every host has.
"""
