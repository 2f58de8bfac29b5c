"""What somebody else has set up on a host: recognised before the first change. Pure."""
