"""What a guest is born with: files over those of its image."""

import os
from dataclasses import dataclass
from pathlib import Path

from lab.hosts.errors import LabError


@dataclass(frozen=True)
class Seed:
    """Writes files of a guest that is not born yet, with owners and modes as it will see them."""

    root: Path
    image: Path

    def file(self, path: str, content: str, mode: int = 0o644, owner: str = "root") -> None:
        """Put a file at *path* (absolute, in the guest), owned by *owner* of the image."""
        place = self._place(path)
        uid, gid = self._ids(owner)
        place.touch(mode=0o600)
        place.write_text(content)
        os.chown(place, uid, gid)
        place.chmod(mode)

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link at *path*."""
        self._place(path).symlink_to(target)

    def directory(self, path: str, mode: int = 0o755, owner: str = "root") -> None:
        """Put a directory at *path*, owned by *owner* of the image."""
        place = self._place(path)
        place.mkdir()
        os.chown(place, *self._ids(owner))
        place.chmod(mode)

    def service(self, unit: str, content: str) -> None:
        """Put a systemd unit of the lab's own and start it at boot."""
        self.file(f"/etc/systemd/system/{unit}", content)
        self.link(f"/etc/systemd/system/multi-user.target.wants/{unit}", f"../{unit}")

    def enable(self, unit: str) -> None:
        """Start the image's systemd unit at boot (what `systemctl enable` does)."""
        self.link(
            f"/etc/systemd/system/multi-user.target.wants/{unit}", f"/lib/systemd/system/{unit}"
        )

    def _place(self, path: str) -> Path:
        relative = Path(path).relative_to("/")
        # In an overlay the upper directory's own mode and owner win over the image's.
        for parent in reversed(relative.parents[:-1]):
            ours, below = self.root / parent, self.image / parent
            if ours.is_dir():
                continue
            ours.mkdir()
            if below.is_dir():
                status = below.stat()
                os.chown(ours, status.st_uid, status.st_gid)
                ours.chmod(status.st_mode & 0o7777)
        return self.root / relative

    def _ids(self, owner: str) -> tuple[int, int]:
        for line in (self.image / "etc/passwd").read_text().splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == owner:
                return int(uid), int(gid)
        raise LabError(f"image {self.image.name}: no user {owner}")
