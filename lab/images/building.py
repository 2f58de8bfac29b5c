"""Root file systems that guests are overlay clones of, built once for each recipe."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.hosts.errors import LabError
from lab.hosts.shell import environment, run
from lab.images.recipes import CACHE, DEBIAN_SUITES, UBUNTU_SUITES, Recipe


def ensure(recipes: Sequence[Recipe], tell: Callable[[str], None]) -> None:
    """Build the images that are not in the cache, at the same time where there are cores."""
    wanted = [recipe for recipe in dict.fromkeys(recipes) if not recipe.root.is_dir()]
    if not wanted:
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=max(1, os.cpu_count() or 1)) as pool:
        # list() so that a failure of any build is raised here.
        list(pool.map(lambda recipe: _build(recipe, tell), wanted))


def _build(recipe: Recipe, tell: Callable[[str], None]) -> None:
    """Build one image beside its place and rename it into it, so that it is whole or absent."""
    with (CACHE / f".{recipe.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if recipe.root.is_dir():
            return
        unfinished = CACHE / f".{recipe.name}.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        tell(f"image {recipe.name}: building (once; kept in {CACHE})")
        _mmdebstrap(recipe, unfinished, tell)
        unfinished.rename(recipe.root)
        tell(f"image {recipe.name}: done")
        for other in CACHE.glob(f"{recipe.name}-*"):
            _forget(other, recipe.root)


def _forget(image: Path, current: Path) -> None:
    """Remove an image of an older recipe, unless a running lab stands on it."""
    if image != current and not _is_lower_of_a_guest(image):
        shutil.rmtree(image)


def _is_lower_of_a_guest(image: Path) -> bool:
    configs = Path("/var/lib/postroad-lab").glob("*/guests/*/config")
    return any(image.as_posix() in config.read_text() for config in configs)


def _mmdebstrap(recipe: Recipe, root: Path, tell: Callable[[str], None]) -> None:
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase"]
    argv += [f"--include={','.join(recipe.packages)}"]
    argv += [f"--customize-hook={command}" for command in recipe.commands]
    argv += ['--aptopt=Acquire::Languages "none"']
    keyring = _keyring(recipe.suite)
    if keyring.exists():
        argv += [f"--keyring={keyring}"]
    proxy = apt_proxy()
    if proxy:
        argv += [f'--aptopt=Acquire::http::Proxy "{proxy}"']
    with subprocess.Popen(
        [*argv, recipe.suite, str(root)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment(),
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("I: ") and line.rstrip().endswith("..."):
                tell(f"image {recipe.name}: {line[3:].strip()}")
    if process.returncode != 0:
        raise LabError(_explain(recipe, "".join(lines[-15:])))


def _explain(recipe: Recipe, words: str) -> str:
    text = f"image {recipe.name}: mmdebstrap failed\n{words.strip()}"
    if recipe.suite in UBUNTU_SUITES:
        text += (
            f"\n{recipe.suite} needs a reachable Ubuntu mirror, and on this machine the packages"
            " ubuntu-keyring and distro-info-data;"
            f" without them use one of {', '.join(DEBIAN_SUITES)}"
        )
    return text


def _keyring(suite: str) -> Path:
    family = "debian" if suite in DEBIAN_SUITES else "ubuntu"
    return Path(f"/usr/share/keyrings/{family}-archive-keyring.gpg")


def apt_proxy() -> str:
    """The proxy that this machine's own apt uses, or nothing (apt.conf(5))."""
    shown = run(["apt-config", "shell", "PROXY", "Acquire::http::Proxy"], check=False).stdout
    return shown.partition("=")[2].strip().strip("'")
