"""`python -m postroad` is the `postroad` command."""

import sys

from postroad.commands.cli import main

sys.exit(main())
