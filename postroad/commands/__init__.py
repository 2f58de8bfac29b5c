"""What each subcommand of ``postroad`` does, one module a command."""

# Before any of them: it makes the process cooperative (gevent), and whatever has imported ssl by
# then, as dns.query does, would keep what it replaces and be warned of in ten lines.
import pyinfra_cli  # type: ignore[import-untyped]  # noqa: F401
