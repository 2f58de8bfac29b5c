"""The lab's SSH keys: made for one lab, known in advance, gone with it."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519


def ssh_key(place: Path) -> str:
    """Make an Ed25519 key at *place* unless there is one; return its public line."""
    public = place.with_name(place.name + ".pub")
    if not public.exists():
        private = ed25519.Ed25519PrivateKey.generate()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(mode=0o600)
        place.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
        )
        line = private.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        public.write_text(line.decode() + "\n")
    return public.read_text().strip()
