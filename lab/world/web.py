"""The shop's web host: a real web server, and the sites that mail needs of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.hosts.seed import Seed
from lab.world.fill import fill

# Envelope domains that announce MTA-STS policies, which are fetched here (RFC 8461 §3.3).
POLICY_DOMAINS = ("bounce.shop.example", "bounce.news.shop.example")
SITES = (
    *(f"mta-sts.{domain}" for domain in POLICY_DOMAINS),
    # Where mail providers post to when somebody unsubscribes (RFC 8058).
    "unsubscribe.news.shop.example",
)

MOUNT = "/srv/www"


def plant(seed: Seed, certificates: Mapping[str, str]) -> None:
    """Write the files of the web host; *certificates* are the sites' keys and certificates."""
    seed.file("/etc/nginx/nginx.conf", fill("nginx.conf"))
    for site, certificate in certificates.items():
        # Read for each connection, by the worker.
        seed.file(f"/etc/nginx/sites/{site}.pem", certificate, 0o400, "www-data")
    seed.enable("nginx.service")


@dataclass(frozen=True)
class Web:
    """The pages of a running lab's web host."""

    directory: Path

    def serve(self, site: str, path: str, text: str) -> None:
        """Have ``https://SITE/PATH`` answer with *text*; its suffix says what it is."""
        place = self._place(site, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def read(self, site: str, path: str) -> str:
        """What stands there now."""
        return self._place(site, path).read_text()

    def withdraw(self, site: str, path: str) -> None:
        """Have the page answer 404."""
        self._place(site, path).unlink()

    def _place(self, site: str, path: str) -> Path:
        return self.directory / site / path.lstrip("/")
