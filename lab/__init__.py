"""The lab: an internet on one machine, of real daemons in network namespaces.

script/lab up          bring it up
lab.load()             the running lab, for tests, demo and inventories
"""

from lab.control import Target, down, parse_target, up
from lab.dns import Dns, Record
from lab.errors import LabError
from lab.guest import Guest
from lab.session import Lab, load

__all__ = [
    "Dns",
    "Guest",
    "Lab",
    "LabError",
    "Record",
    "Target",
    "down",
    "load",
    "parse_target",
    "up",
]
