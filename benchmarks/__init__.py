"""Speed, side by side in one run. Figures to read and to compare, never a test that can fail."""
