"""DMARC reports: honest ones in the forms that reporters use, and hostile ones."""
