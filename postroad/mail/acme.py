"""Asking an ACME authority for the host's certificate. certbot(1) does it and renews it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from urllib.parse import urlsplit

from postroad.host.paths import (
    ACME_ARCHIVE,
    ACME_LINEAGE,
    ACME_LIVE,
    ACME_RENEWAL,
    CERTIFICATE_FAULT,
    RENEWED,
    RFC2136,
    STATE,
)
from postroad.host.shell import Script
from postroad.settings.model import AcmeTls, Dns01, Host


def request_script(tls: AcmeTls, server: Host, former: Sequence[str] = ()) -> str:
    """Shell that asks for one certificate with every name of ``server``, however fresh the old is.

    ``former`` names stay in it as long as they lead to the host, so that no application that still
    submits to one is cut off; where the authority refuses them, it is asked without.
    It succeeds without one too: where the names do not point here yet, the rest of the run is still
    worth having, and submission stays closed until a later run gets it.
    """
    names = " ".join(f"-d {shlex.quote(name)}" for name in server.certificate_names)
    if isinstance(tls.challenge, Dns01):
        how = (
            f"--dns-rfc2136 --dns-rfc2136-credentials {RFC2136}"
            f" --dns-rfc2136-propagation-seconds {tls.challenge.propagation}"
        )
    else:
        how = "--standalone --preferred-challenges http-01"
    addresses = {*server.addresses, *(a for way in server.ways_out for a in way.addresses)}
    # The host's own hosts(5) may know it by a loopback address: then the authority tells.
    here = ("127.0.0.1", "127.0.1.1", "::1", *sorted(map(str, addresses)))
    is_here = " ".join(f"-e {address}" for address in here)
    accounts = f"/etc/letsencrypt/accounts/{urlsplit(tls.directory).netloc}"
    lines = f"""\
# What an authority refuses ends nothing.
set +e
mkdir -p {STATE}; rm -f {CERTIFICATE_FAULT}
# A certificate whose renewal was forgotten is in the way of a new one (certbot's own check), and
# so is one without its key, which --reuse-key would take for the new one.
aside={STATE}/certificate-aside
fits() {{ [ "$(openssl x509 -in {ACME_LIVE}/cert.pem -noout -pubkey 2>/dev/null)" = \
  "$(openssl pkey -in {ACME_LIVE}/privkey.pem -passin pass: -pubout 2>/dev/null)" ]; }}
if [ -d {ACME_LIVE} ] && {{ [ ! -f {ACME_RENEWAL} ] || ! fits; }}; then
  rm -rf $aside; mkdir -m 700 $aside; mv {ACME_LIVE} $aside/live; mv {ACME_ARCHIVE} $aside/archive
  [ ! -f {ACME_RENEWAL} ] || mv {ACME_RENEWAL} $aside/renewal
fi
kept=
for name in {shlex.join(former)}; do
  ! timeout 10 getent ahosts "$name" | cut -d' ' -f1 | grep -qxF {is_here} || kept="$kept -d $name"
done
ask() {{
certbot certonly --non-interactive --agree-tos --reuse-key --renew-with-new-domains \\
  --force-renewal \\
  --email={shlex.quote(tls.email)} --server={shlex.quote(tls.directory)} \\
  --cert-name {ACME_LINEAGE} {how} {names} "$@" 2>&1
}}
# certbot calls its hook for a renewal; one it has forgotten counts as the first of its name.
got() {{ rm -rf $aside; [ ! -x {RENEWED} ] || {RENEWED}; }}
got_by() {{
said=$(ask "$@") && {{ got; status=$?; return 0; }}
# An authority that was set up anew does not know us any more: register again, once.
case $said in *accountDoesNotExist*|*"Account "*" not found"*)
  rm -rf {shlex.quote(accounts)}
  said=$(ask "$@") && {{ got; status=$?; return 0; }};;
esac
return 1
}}
! got_by $kept || return $status
[ -z "$kept" ] || ! got_by || return $status
if [ -d $aside ]; then
  mv -T $aside/live {ACME_LIVE}; mv -T $aside/archive {ACME_ARCHIVE}
  [ ! -f $aside/renewal ] || mv $aside/renewal {ACME_RENEWAL}
  rm -rf $aside
fi
printf '%s\\n' "$said" | grep -vE '^(Saving debug|Account registered|Requesting|Ask for help|$)' \\
  | head -n 6 > {CERTIFICATE_FAULT}
cat {CERTIFICATE_FAULT} >&2"""
    return str(Script((lines,), umask="022"))
