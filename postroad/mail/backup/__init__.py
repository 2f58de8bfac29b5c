"""What of a host is kept for a replacement, and how it is put back.

A backup is what a host gave that somebody else may have had by then. What may be in one stands in
`places`; where it goes, whose it is and with which mode come from there and from the estate.
"""
