"""The mail server that much-copied tutorials describe, to the letter, faults and all.

A host that somebody set up by hand, for the lab: exactly what a reader of those pages has. Its
faults are not ours to mend here; what postroad says of each stands in
postroad/mail/before/lines.py.
"""

DOMAIN = "news.shop.example"
SELECTOR = "default"
KEY = f"/etc/opendkim/keys/{DOMAIN}/{SELECTOR}.private"
# A second one, which somebody made longer.
LONG_DOMAIN, LONG_SELECTOR = "shop.example", "mail"
LONG_KEY = f"/etc/opendkim/keys/{LONG_DOMAIN}/{LONG_SELECTOR}.private"

OPENDKIM = """\
# OpenDKIM, as in the tutorial
AutoRestart             Yes
AutoRestartRate         10/1h
Syslog                  yes
SyslogSuccess           Yes
LogWhy                  Yes
Canonicalization        relaxed/simple
TrustedHosts            refile:/etc/opendkim/TrustedHosts
KeyTable                refile:/etc/opendkim/KeyTable
SigningTable            refile:/etc/opendkim/SigningTable
Mode                    sv
PidFile                 /run/opendkim/opendkim.pid
SignatureAlgorithm      rsa-sha256
UserID                  opendkim:opendkim
Socket                  inet:12345@localhost
"""
KEY_TABLE = f"""\
{SELECTOR}._domainkey.{DOMAIN} {DOMAIN}:{SELECTOR}:{KEY}
{LONG_SELECTOR}._domainkey.{LONG_DOMAIN} {LONG_DOMAIN}:{LONG_SELECTOR}:{LONG_KEY}
"""
SIGNING_TABLE = f"""\
*@{DOMAIN} {SELECTOR}._domainkey.{DOMAIN}
*@{LONG_DOMAIN} {LONG_SELECTOR}._domainkey.{LONG_DOMAIN}
"""
TRUSTED = f"127.0.0.1\nlocalhost\n*.{DOMAIN}\n"

MAIN = """\
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
compatibility_level = 3.6

# TLS parameters
smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key
smtpd_use_tls=yes
smtpd_tls_mandatory_protocols = !SSLv2, !SSLv3
smtpd_tls_protocols = !SSLv2, !SSLv3

myhostname = {hostname}
mydestination = $myhostname, localhost
mynetworks = 127.0.0.0/8 10.77.0.0/24 [::1]/128
inet_interfaces = all

# DKIM
milter_protocol = 6
milter_default_action = accept
smtpd_milters = inet:localhost:12345

# warm-up
smtpd_client_message_rate_limit = 100
default_destination_rate_delay = 1s
"""

# As root; {proxy} is the lab's package proxy. OpenDKIM does not start with this configuration: the
# tutorial's reader does not notice, because mail goes out without it.
SETUP = """
set -eu
export DEBIAN_FRONTEND=noninteractive
printf 'Acquire::http::Proxy "%s";\\n' {proxy} > /etc/apt/apt.conf.d/90lab
echo 'postfix postfix/main_mailer_type select Internet Site' | debconf-set-selections
apt-get -q update
apt-get -q -y --no-install-recommends install postfix opendkim opendkim-tools ssl-cert ufw openssl
rm /etc/apt/apt.conf.d/90lab
install -d -o opendkim -g opendkim -m 700 {folder} {long_folder}
opendkim-genkey -b 1024 -D {folder} -d {domain} -s {selector}
opendkim-genkey -b 2048 -D {long_folder} -d {long_domain} -s {long_selector}
chown opendkim:opendkim {folder}/* {long_folder}/*
cat > /etc/opendkim.conf <<'POSTROAD_LAB'
{opendkim}POSTROAD_LAB
cat > /etc/opendkim/KeyTable <<'POSTROAD_LAB'
{key_table}POSTROAD_LAB
cat > /etc/opendkim/SigningTable <<'POSTROAD_LAB'
{signing_table}POSTROAD_LAB
cat > /etc/opendkim/TrustedHosts <<'POSTROAD_LAB'
{trusted}POSTROAD_LAB
cat > /etc/postfix/main.cf <<'POSTROAD_LAB'
{main}POSTROAD_LAB
systemctl restart opendkim || :
systemctl restart postfix
ufw allow 22/tcp; ufw allow 25/tcp; ufw allow 80/tcp; ufw allow 443/tcp
ufw --force enable
"""


def setup(hostname: str, proxy: str) -> str:
    """The shell that makes a bare host the tutorial's."""
    return SETUP.format(
        proxy=proxy,
        folder=KEY.rpartition("/")[0],
        long_folder=LONG_KEY.rpartition("/")[0],
        long_domain=LONG_DOMAIN,
        long_selector=LONG_SELECTOR,
        domain=DOMAIN,
        selector=SELECTOR,
        opendkim=OPENDKIM,
        key_table=KEY_TABLE,
        signing_table=SIGNING_TABLE,
        trusted=TRUSTED,
        main=MAIN.format(hostname=hostname),
    )
