"""What a host is before anybody deploys to it: its root file system, and what others set up."""
