"""What goes wrong with hosts, networks and receivers, what upgrades bring, and who finds fault."""
