"""A bad configuration is never activated: its check refuses it, and the host is as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.hosts import here
from lab.life.session import Lab
from lab.mail import road
from tests.lab import mail


@dataclass(frozen=True)
class Fault:
    """A fault in a template, as it is on one host."""

    template: str
    right: str
    wrong: str
    words: str

    def put_into(self, templates: Path, host: str) -> None:
        """Break the template for ``host`` alone."""
        place = templates / self.template
        text = place.read_text()
        assert text.count(self.right) == 1
        broken = (
            f"{{% if host.name == '{host}' %}}{self.wrong}{{% else %}}{self.right}{{% endif %}}"
        )
        place.write_text(text.replace(self.right, broken))


RESOLVER = Fault(
    "unbound/unbound.conf.j2",
    "    hide-version: yes\n",
    "    hide-version: maybe\n",
    "resolver: refused by its check, nothing was changed",
)
STREAM = Fault(
    "postfix/stream.main.cf.j2",
    "always_add_missing_headers = yes\n",
    "always_add_missing_headers = sometimes\n",
    "transactional: refused by its check, nothing was changed",
)
UNITS = Fault(
    "systemd/postroad-dkim@.service.j2",
    "NoNewPrivileges=yes\n",
    "NoNewPrivilege=yes\n",
    "units: refused by its check, nothing was changed",
)
FIREWALL = Fault(
    "ufw/before.rules.j2",
    "COMMIT\n",
    "-A ufw-before-input -j NOWHERE\nCOMMIT\n",
    "firewall: refused by its check, nothing was changed",
)


def deploy_with(faults: dict[str, Fault], folder: Path) -> subprocess.CompletedProcess[str]:
    """A deploy whose templates have a fault on each host."""
    for part in ("postroad", "templates"):
        shutil.copytree(here.CLONE / part, folder / part)
    for host, fault in faults.items():
        fault.put_into(folder / "templates", host)
    return subprocess.run(
        # Without -P the working directory's own package would come first.
        [sys.executable, "-P", "-m", "pyinfra", "-y", str(road.INVENTORY), str(road.DEPLOY)],
        cwd=here.CLONE,
        env={**os.environ, "PYINFRA_PROGRESS": "off", "PYTHONPATH": f"{folder}:{here.CLONE}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("on_mail1", "on_mail2"),
    [
        pytest.param(RESOLVER, STREAM, id="resolver-and-stream"),
        pytest.param(UNITS, FIREWALL, id="units-and-firewall"),
    ],
)
def test_a_fault_is_refused_before_anything_is_changed(
    deployed: Lab, tmp_path: Path, on_mail1: Fault, on_mail2: Fault
) -> None:
    done = deploy_with({"mail1": on_mail1, "mail2": on_mail2}, tmp_path)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert f"[mail1] {on_mail1.words}" in said
    assert f"[mail2] {on_mail2.words}" in said
    # Every file, its rights, every unit and what was last activated: all as the right run left it.
    assert road.plan() == []
    mail.flows(deployed)
