"""`python -m postroad` is the `postroad` command."""

import sys

from postroad.cli import main

sys.exit(main())
