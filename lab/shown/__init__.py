"""What people are shown: the demonstration, and the pictures in README.md."""
