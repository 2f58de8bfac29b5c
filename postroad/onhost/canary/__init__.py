"""Whether a staged configuration may go live: `main.py` says how, and lists the rooms."""
