"""The wheel, built and installed in an environment that knows nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.hosts import here


@dataclass(frozen=True)
class Repository:
    """A folder of an operator's own, and the environment that its commands run in."""

    folder: Path
    programs: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, program: str, *arguments: str, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the folder, with what somebody types into it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            [str(self.programs / program), *arguments],
            cwd=self.folder,
            env={**kept, "PYINFRA_PROGRESS": "off", **self.variables},
            input=typed,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )


def install(wheels: Path, environment: Path) -> Path:
    """Build the wheel, install it with what it needs, and return the folder of its programs."""
    build = ["build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(here.CLONE)]
    subprocess.run([sys.executable, "-m", *build], check=True, capture_output=True, timeout=120)
    (wheel,) = wheels.glob("*.whl")
    venv.create(environment, with_pip=True)
    made = Repository(environment, environment / "bin")
    constraints = here.CLONE / "constraints.txt"
    done = made.run("pip", "install", "--quiet", "--constraint", str(constraints), str(wheel))
    assert done.returncode == 0, done.stderr
    return made.programs
