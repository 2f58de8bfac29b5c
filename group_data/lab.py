"""What the lab's operator declares: the estate of a shop in the lab's internet.

pyinfra runs every file of group_data for every inventory, so nothing happens here unless the
inventory is the lab's.
"""

from pyinfra import inventory

__all__ = ["estate"]

if "lab" in inventory.groups:
    from lab import load
    from lab.mail import shop

    estate = shop.estate(load())
