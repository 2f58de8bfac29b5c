"""Read by pyinfra before anything else: what hosts say reaches no terminal as it is, and what is
wrong with the files that it will run is told by file, line and mend.
"""

from pyinfra.api.exceptions import PyinfraError

try:
    from postroad.start import start
except ModuleNotFoundError as missing:
    raise PyinfraError(
        f"this pyinfra's Python has no {missing.name}: install postroad into it, or activate the "
        "environment that has it, as by `. .venv/bin/activate`"
    ) from None

start()
