"""What each subcommand of ``postroad`` does, one module a command."""

# Before any of them.
from postroad.roles.run import cooperative  # noqa: F401
