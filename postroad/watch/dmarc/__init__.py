"""DMARC aggregate reports: taken in with care, read, counted, and turned into advice."""
