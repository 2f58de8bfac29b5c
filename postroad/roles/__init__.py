"""What a run does on a host, one module a role. `deploys/mailserver.py` calls them in order."""
