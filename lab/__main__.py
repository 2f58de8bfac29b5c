"""The command line of the lab."""

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence

from lab.hosts.errors import LabError
from lab.life import control, session


def _up(arguments: argparse.Namespace) -> int:
    targets = [control.parse_target(text) for text in arguments.target]
    control.up(targets, _tell)
    return _status(arguments)


def _status(arguments: argparse.Namespace) -> int:
    running = session.load()
    print(f"lab {running.network.number} of {running.state.clone}")
    for name, guest in running.hosts.items():
        state = "up" if guest.is_running() else "down"
        kind = running.state.hosts[name].kind
        print(f"  {name:<12} {state:<5} {kind:<7} {' '.join(guest.ipv4)}  {guest.ipv6[0]}")
    print(f"packages for hosts: {running.apt_proxy}")
    print("look around: script/lab ssh HOST, script/lab logs HOST, script/lab mail PROVIDER")
    return 0


def _emulate(arguments: argparse.Namespace) -> int:
    control.emulate(arguments.host, _tell)
    return _status(arguments)


def _down(arguments: argparse.Namespace) -> int:
    gone = control.down_all() if arguments.all else control.down()
    print("the lab is gone" if gone else "no lab was up")
    return 0


def _ssh(arguments: argparse.Namespace) -> int:
    guest = session.load().state.guest(arguments.host)
    return subprocess.run(guest.ssh(*arguments.command), check=False).returncode


def _logs(arguments: argparse.Namespace) -> int:
    guest = session.load().state.guest(arguments.host)
    return guest.console("journalctl", "--no-pager", "--boot")


def _mail(arguments: argparse.Namespace) -> int:
    providers = session.load().providers
    if arguments.provider not in providers:
        raise LabError(f"no provider {arguments.provider!r}: there are {', '.join(providers)}")
    for message in providers[arguments.provider].messages():
        print(f"{message.envelope_from or '<>'} to {message.recipient}: {message.subject}")
        for result in message.authentication_results:
            print(f"  {' '.join(result.split())}")
        print(f"  {message.path}")
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="script/lab", description="An internet on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="bring the lab up, or mend it")
    up.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="NAME:SUITE:OCTET[,OCTET]",
        help="a bare host and the last octets of its addresses; may be repeated"
        " (default: those it has; in a new lab mail1:bookworm:11,12,13)",
    )
    up.set_defaults(run=_up)
    commands.add_parser("status", help="what is up, and where").set_defaults(run=_status)
    down = commands.add_parser("down", help="take the lab away, with everything that it made")
    down.add_argument("--all", action="store_true", help="take away all labs of this checkout")
    down.set_defaults(run=_down)
    emulate = commands.add_parser(
        "emulate", help="give a bare host a kernel, a disk and a clock of its own; it gets slow"
    )
    emulate.add_argument("host")
    emulate.set_defaults(run=_emulate)
    ssh = commands.add_parser("ssh", help="a shell, or a command, on a host")
    ssh.add_argument("host")
    ssh.add_argument("command", nargs=argparse.REMAINDER)
    ssh.set_defaults(run=_ssh)
    logs = commands.add_parser("logs", help="a host's journal")
    logs.add_argument("host")
    logs.set_defaults(run=_logs)
    mail = commands.add_parser("mail", help="what a mailbox provider has received")
    mail.add_argument("provider")
    mail.set_defaults(run=_mail)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    # Ends quietly when its output is cut off, as by head(1).
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
