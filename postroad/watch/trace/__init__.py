"""What became of one message, from the hosts' logs."""
