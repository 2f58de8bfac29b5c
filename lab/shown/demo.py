"""The demonstration: a bare host becomes a sending server, and two strict receivers give a verdict.

Everything that is said here was seen: in the receivers' mailboxes, in their replies, and in a
second run of the deploy. Artefacts are left in build/demo.
"""

import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import lab
from lab.hosts import here
from lab.hosts.errors import LabError
from lab.life import control
from lab.life.session import Lab
from lab.mail import letters, road
from lab.mail.letters import Letter
from lab.mail.verify import has_valid_signature
from lab.world.providers import Received

FOLDER = here.CLONE / "build" / "demo"
PROVIDERS = ("bigmail", "strictmail")
SECONDS = 60


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: ``verdict`` is ok or wrong."""

    check: str
    verdict: str
    detail: str


class Steps:
    """Says what is being done, and how long it took."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """One line of progress."""
        print(f"[{time.monotonic() - self._began:5.1f} s] {text}", flush=True)


def main() -> int:
    """0 when every check passed; 1 otherwise, with the reason said."""
    steps = Steps()
    try:
        checks = list(_demonstrate(steps))
    except (LabError, RuntimeError) as error:
        print(f"\nThe demonstration stopped: {error}", file=sys.stderr)
        return 1
    (FOLDER / "report.json").write_text(
        json.dumps([asdict(check) for check in checks], indent=1) + "\n", encoding="utf-8"
    )
    _show(checks)
    return 0 if all(check.verdict == "ok" for check in checks) else 1


def _demonstrate(steps: Steps) -> Iterator[Check]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    steps.say("lab: an internet on this machine, and a bare host in it")
    control.up(control.DEFAULT_TARGETS, steps.say)
    running = lab.load()
    steps.say("postroad dns publish: the records that need no key yet")
    road.publish(running)
    steps.say("pyinfra inventories/lab.py deploys/mailserver.py (packages take the longest)")
    _deploy()
    steps.say("postroad dns publish: the DKIM keys that the host has made")
    road.publish(running)
    (FOLDER / "zone.txt").write_text(road.zone(), encoding="utf-8")
    steps.say("postroad dns mta-sts: the policy that the shop's web host serves")
    road.serve_policies(running)
    steps.say("the same command again")
    _deploy()
    steps.say("and a dry run, which must name nothing")
    yield _nothing_to_do()
    steps.say("postroad dns check: every name as the world sees it")
    yield _names()
    steps.say("a receipt and a campaign mail to each mailbox provider")
    for provider in PROVIDERS:
        for letter in _letters(running, provider):
            yield from _travel(running, provider, letter)
    steps.say("a stranger forges the shop's address, unsigned")
    for provider in PROVIDERS:
        yield _forgery(running, provider)
    steps.say("done")


def _deploy() -> None:
    done = road.deploy()
    if done.returncode != 0:
        log = FOLDER / "deploy.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        end = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise RuntimeError(f"the deploy failed, all it said is in {log}; its end:\n{end}")


def _nothing_to_do() -> Check:
    names = [entry["name"] for entry in road.plan()]
    told = "; ".join(names) or "a further run would change nothing"
    return Check("second run", "wrong" if names else "ok", told)


def _names() -> Check:
    done = road.postroad("dns", "check", str(road.INVENTORY))
    told = (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]
    return Check("names", "wrong" if done.returncode else "ok", told)


def _letters(running: Lab, provider: str) -> tuple[Letter, ...]:
    recipient = running.providers[provider].address("alice")
    return letters.receipt(recipient), letters.campaign(recipient)


def _travel(running: Lab, provider: str, letter: Letter) -> Iterator[Check]:
    what = f"{letter.stream} to {provider}"
    reply = letters.post(running, letter)
    yield _judged(f"{what}: taken by the stream", reply.is_accepted, f"{reply.code} {reply.text}")
    if not reply.is_accepted:
        return
    arrived = running.providers[provider].wait_for(letter.subject, timeout=SECONDS)
    if provider == PROVIDERS[0]:
        (FOLDER / f"{letter.stream}.eml").write_bytes(arrived.raw)
    results = " ".join(" ".join(arrived.authentication_results).split())
    for method in ("spf", "dkim", "dmarc"):
        found = next((w for w in results.split() if w.startswith(f"{method}=")), "none")
        yield _judged(f"{what}: {method}", found.startswith(f"{method}=pass"), found)
    received = " ".join(str(arrived.message["Received"]).split())
    encrypted = re.search(r"using (TLSv[\d.]+ with cipher \S+)", received)
    told = encrypted[1] if encrypted else "sent in the clear"
    yield _judged(f"{what}: TLS", encrypted is not None, told)
    yield from _by_hand(running, what, arrived)


def _by_hand(running: Lab, what: str, arrived: Received) -> Iterator[Check]:
    """The signature checked by ourselves with the key in the DNS; and a copy that was changed."""
    own = _without_receivers_lines(arrived.raw)
    valid = has_valid_signature(running, own)
    yield _judged(f"{what}: signature by hand", valid, "valid" if valid else "not valid")
    changed = own.replace(b"Subject: ", b"Subject: Re: ", 1)
    caught = not has_valid_signature(running, changed)
    yield _judged(f"{what}: changed copy", caught, "found out" if caught else "still believed")


def _forgery(running: Lab, provider: str) -> Check:
    mailbox = running.providers[provider]
    letter = letters.receipt(mailbox.address("alice"))
    reply = running.outsider.submit(
        mailbox.kind.mx,
        25,
        mail_from=letters.ENVELOPE["transactional"],
        rcpts=[letter.recipient],
        message=letter.message.as_bytes(),
        helo="outsider.lab.example",
    )
    return _judged(
        f"forgery to {provider}: refused", not reply.is_accepted, f"{reply.code} {reply.text}"
    )


def _without_receivers_lines(raw: bytes) -> bytes:
    """The message as it was sent: what the receiver put on top is not part of it."""
    at = raw.find(b"DKIM-Signature:")
    return raw[at:] if at >= 0 else raw


def _judged(check: str, good: bool, detail: str) -> Check:
    return Check(check, "ok" if good else "wrong", " ".join(detail.split()))


def _show(checks: list[Check]) -> None:
    width = max(len(check.check) for check in checks)
    print("\nThe receivers' verdicts:\n")
    for check in checks:
        print(f"  {check.check:<{width}}  {check.verdict:<5}  {check.detail[:90]}")
    good = sum(check.verdict == "ok" for check in checks)
    print(f"\n{good} of {len(checks)} checks passed. The messages as received: {_near(FOLDER)}/")
    print(
        "\nThe lab stays up. Look around:\n"
        "  script/lab status                 what is there\n"
        "  script/lab mail bigmail           what arrived\n"
        "  script/lab ssh mail1              on the host\n"
        "  .venv/bin/pyinfra --dry inventories/lab.py deploys/mailserver.py\n"
        "  .venv/bin/postroad audit inventories/lab.py\n"
        "  script/lab down                   take it away"
    )


def _near(path: Path) -> Path:
    return path.relative_to(here.CLONE)


if __name__ == "__main__":
    sys.exit(main())
