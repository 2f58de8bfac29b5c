"""Scripts that a host runs for the audit.

Each gets what it needs to know as JSON in its one argument, changes nothing, and prints JSON. No
command in them is without a limit in time, and what could not be asked costs no more than itself:
a part of an answer is {"said": value, "why": ""}, or has the reason in "why". They are written for
Python 3.9 and the packages that every host has.
"""
