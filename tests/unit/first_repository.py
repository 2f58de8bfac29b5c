"""The shipped example as it lies in a repository, and both commands called there as by a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

CLONE = Path(__file__).parents[2]
HOSTS = "inventories/prod.py"
ESTATE = "group_data/prod.py"
DEPLOY = "deploys/mailserver.py"
Done = subprocess.CompletedProcess[str]


def written(folder: Path) -> Path:
    """The example in ``folder``."""
    for name in ("inventories", "group_data", "deploys"):
        copytree(CLONE / name, folder / name)
    (folder / "config.py").write_text((CLONE / "config.py").read_text())
    return folder


def changed(shop: Path, file: str, right: str, wrong: str) -> None:
    """Write ``wrong`` in place of the first ``right``."""
    text = (shop / file).read_text()
    assert right in text
    (shop / file).write_text(text.replace(right, wrong, 1))


def refusing(shop: Path, data: str = "") -> None:
    """The hosts refuse connections at once: they are ports of this machine where nobody listens."""
    for host in ("192.0.2.11", "192.0.2.21"):
        changed(shop, HOSTS, f'"{host}"', f'"127.0.0.1", "ssh_port": 9{data}')


def pyinfra(shop: Path, *words: str, cwd: Path | None = None) -> Done:
    """pyinfra's command."""
    script = "from pyinfra_cli.main import main; main()"
    return _called([sys.executable, "-c", script, *words], cwd or shop)


def postroad(shop: Path, *words: str, cwd: Path | None = None, **options: Any) -> Done:
    """postroad's command."""
    return _called([sys.executable, "-m", "postroad", *words], cwd or shop, **options)


def _called(words: list[str], cwd: Path, **options: Any) -> Done:
    if "stdout" not in options:
        options = {"capture_output": True, **options}
    environment = {**os.environ, "PYTHONPATH": str(CLONE), "PYINFRA_PROGRESS": "off"}
    return subprocess.run(words, cwd=cwd, env=environment, text=True, check=False, **options)


def said(done: Done) -> str:
    """Everything that was said, which must be in words."""
    everything = (done.stdout or "") + (done.stderr or "")
    assert "Traceback" not in everything, everything
    assert "INTERNALERROR" not in everything, everything
    return everything
