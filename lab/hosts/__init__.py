"""Hosts of the lab: what makes, starts, holds and removes machines and networks on this one."""
