"""What postroad says about DNS: records, zone text, needs, and the checker on the host."""
