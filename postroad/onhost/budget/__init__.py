"""What strangers may leave on a disk."""
