"""The box that `vagrant up` has made, by pyinfra's @vagrant connector; group_data/@vagrant.py says
what it is.

The connector asks `vagrant status` and `vagrant ssh-config`.
"""

import os

from lab.hosts.here import CLONE
from lab.mail.vagrant import HOST

# So that it may be asked from any folder.
os.environ.setdefault("VAGRANT_CWD", str(CLONE))

mail = [HOST]
