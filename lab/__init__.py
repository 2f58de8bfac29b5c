"""The lab: an internet on one machine, of real daemons in network namespaces.

script/lab up          bring it up
lab.load()             the running lab, for tests, demo and inventories

Its rooms, each of which knows only those above it:

onhost    programs that run on hosts, each by itself
hosts     what makes, starts, holds and removes machines and networks
images    what a host is before anybody has deployed to it
world     the internet around: names, certificates, providers, web, packages
life      birth, bringing a lab up and down, and how it is seen while it runs
faults    what goes wrong, what upgrades bring, and who finds fault
mail      what the shop declares, writes and hands in, and what became of it
shown     the demonstration and the pictures

lab/etc has what the world's daemons, and those of faults, are configured with (lab.world.fill).
"""

from lab.hosts.errors import LabError
from lab.hosts.guest import Guest
from lab.life.control import Target, down, parse_target, up
from lab.life.session import Lab, load
from lab.world.dns import Dns
from lab.world.zone_text import Record

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
