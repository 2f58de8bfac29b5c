"""Faults of a live host, each with the way back and what the audit must say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.faults.hosts import RELOAD_ALL

MARKETING = "/etc/postfix-marketing"
FILES = "files.files_are_as_declared"
UNITS = "units.units_are_as_declared"
UNREAD = "postfix.daemons_have_read_their_files"
COMPLAINT = "postfix.configuration_is_without_complaint"
UNSIGNED = "postfix.nothing_can_leave_unsigned"
WRITING = "postfix.daemons_write_no_mail"
STRANGERS = "postfix.strangers_bring_no_more_than_declared"
VALUES = "postfix.values_are_those_declared"
RULES = "firewall.rules_are_those_declared"
PORT_25 = "firewall.only_postfix_reaches_port_25"
ROOTS_DOOR = "firewall.only_the_null_client_hands_in_roots_mail"
WORLD = "dns.the_world_can_verify"
KERNEL = "firewall.no_mail_goes_where_no_mail_host_is"
NOWHERE = "postfix.no_mail_goes_where_no_mail_host_is"
VERIFY = "signing.signatures_verify"
LET_OUT = "signing.nothing_is_let_out_unsigned"
PACKAGES = "packages.packages_are_installed"
WHOLE = "packages.the_package_manager_is_whole"
ANSWER = "submission.listeners_answer"
QUIET = "logs.logs_are_quiet"

RELOAD = "systemctl reload postroad-postfix@marketing"
RESTART_SIGNER = "systemctl restart postroad-dkim@marketing.service"


@dataclass(frozen=True)
class Case:
    """A way to break a host, the way back, and what the audit must say of it, check by check."""

    name: str
    breaking: str
    mending: str
    said: Mapping[str, str]

    def __str__(self) -> str:
        return self.name

    @property
    def perhaps(self) -> frozenset[str]:
        """The checks that may fail besides.

        Postfix starts daemons when it needs some, and they read files as they are by then.
        """
        return frozenset({ANSWER, QUIET}) if UNREAD in self.said else frozenset()


def edited(path: str, breaking: str, after: str = "") -> tuple[str, str]:
    """Commands that edit a file, and those that put it back as it was, times included."""
    kept = f"/run/audit-kept{path.replace('/', '-')}"
    then = f" && {after}" if after else ""
    # Where nothing reads it again, it is newer than what was read, whatever ran a moment before.
    newer = "" if after else f" && if [ -e {path} ]; then touch -d '1 hour' {path}; fi"
    return (
        f"cp -p {path} {kept} && {breaking}{newer}{then}",
        f"cp -p {kept} {path}; rm {kept}{then}",
    )


def postconf(*settings: str, after: str = "") -> tuple[str, str]:
    """An edit of the marketing stream's main.cf by postconf(1)."""
    quoted = " ".join(f"'{setting}'" for setting in settings)
    return edited(f"{MARKETING}/main.cf", f"postconf -c {MARKETING} -e {quoted}", after)


def submission_override(setting: str, after: str = "") -> tuple[str, str]:
    """An edit of the options of the marketing stream's STARTTLS listeners."""
    services = f"$(postconf -c {MARKETING} -M | awk '/:587 /{{print $1}}')"
    command = f'for s in {services}; do postconf -c {MARKETING} -P "$s/inet/{setting}"; done'
    return edited(f"{MARKETING}/master.cf", command, after)


OPERATION = [
    Case(
        "a file is edited",
        *edited("/etc/mailname", "echo by-hand >> /etc/mailname"),
        {FILES: "/etc/mailname is not as declared: content"},
    ),
    Case(
        "a file is open to all",
        f"chmod 666 {MARKETING}/body_checks",
        f"chmod 644 {MARKETING}/body_checks",
        {FILES: "mode 0666, not 0644", COMPLAINT: "group or other writable"},
    ),
    Case(
        "the running system has another name",
        "hostname by-hand.example",
        "hostname -F /etc/hostname",
        {"identity.the_host_has_its_name": "calls itself by-hand.example, declared is mail1.shop"},
    ),
    Case(
        "an activation died",
        "mv /var/lib/postroad/applied/logs /run/audit-stamp",
        "mv /run/audit-stamp /var/lib/postroad/applied/logs",
        {"files.activations_are_finished": "the files of logs are in place"},
    ),
    Case(
        "a timer is stopped",
        "systemctl stop logrotate.timer",
        "systemctl start logrotate.timer",
        {UNITS: "logrotate.timer is inactive"},
    ),
    Case(
        "a mask is lifted",
        "systemctl unmask --quiet dovecot.socket",
        "systemctl mask --quiet dovecot.socket",
        {UNITS: "dovecot.socket is not masked"},
    ),
    Case(
        "a program is replaced under its daemon",
        "cp -p /usr/sbin/opendkim /usr/sbin/opendkim.new"
        " && mv /usr/sbin/opendkim.new /usr/sbin/opendkim",
        "systemctl restart 'postroad-dkim@*'",
        {"units.daemons_run_what_is_installed": "still runs an older /usr/sbin/opendkim"},
    ),
    Case(
        "a library is replaced under its daemons",
        "cd /usr/lib/*-linux-gnu && cp -p libssl.so.3 libssl.so.3.new"
        " && mv libssl.so.3.new libssl.so.3",
        "systemctl start --wait postroad-refresh.service",
        {"units.daemons_run_what_is_installed": "libssl.so.3"},
    ),
    Case(
        "a unit has failed",
        "systemd-run --quiet --unit=audit-fails --wait false || :",
        "systemctl reset-failed audit-fails.service",
        {"units.no_unit_has_failed": "audit-fails.service has failed"},
    ),
    Case(
        "a parameter does not exist",
        *edited(f"{MARKETING}/main.cf", f"echo no_such_thing = 1 >> {MARKETING}/main.cf"),
        {
            FILES: f"{MARKETING}/main.cf",
            UNREAD: "marketing instance runs by an older configuration",
            "postfix.configuration_is_without_complaint": "no_such_thing",
        },
    ),
    Case(
        "a limit is another one",
        *postconf("queue_minfree = 1"),
        {
            FILES: f"{MARKETING}/main.cf",
            UNREAD: "marketing instance",
            VALUES: "marketing: queue_minfree is 1, declared is",
        },
    ),
    Case(
        "a mailbox is nearly full",
        "runuser -u postroad-mail -- sh -c 'mkdir -p -m 700 /var/mail/postroad/postmaster/new"
        " && truncate -s 230M /var/mail/postroad/postmaster/new/seeded'",
        "rm /var/mail/postroad/postmaster/new/seeded",
        {"queues.mailboxes_have_room": "/var/mail/postroad/postmaster has 230 MiB"},
    ),
    Case(
        "strangers may bring more",
        *edited(
            "/etc/postfix-inbound/main.cf",
            "postconf -c /etc/postfix-inbound -e queue_minfree=67108864"
            " smtpd_recipient_restrictions=reject_unauth_destination",
            "systemctl reload postroad-postfix@inbound",
        ),
        {FILES: "/etc/postfix-inbound/main.cf", STRANGERS: "queue_minfree is 67108864"},
    ),
    Case(
        "one network may take all places",
        "ip6tables -S ufw6-before-input | grep 'mask 48' | sed s/^-A/-D/ > /run/audit-rule"
        " && ip6tables $(cat /run/audit-rule)",
        "ip6tables $(sed 's/^-D ufw6-before-input/-I ufw6-before-input/' /run/audit-rule)",
        {"firewall.no_network_takes_all_places": "IPv6: nothing limits the places of a /48"},
    ),
    Case(
        "a daemon writes to its postmaster",
        *postconf("notify_classes = resource, software", after=RELOAD),
        {FILES: f"{MARKETING}/main.cf", WRITING: "marketing: notify_classes is resource, software"},
    ),
    Case(
        "a listener tells of its sessions",
        *submission_override("notify_classes=policy", after=RELOAD),
        {FILES: f"{MARKETING}/master.cf", WRITING: "notify_classes of service"},
    ),
    Case(
        "a file was written and not read",
        *edited(f"{MARKETING}/main.cf", f"touch {MARKETING}/main.cf"),
        {UNREAD: "a file was written"},
    ),
    Case(
        "a dead signer would let mail pass",
        *postconf("milter_default_action = accept"),
        {FILES: f"{MARKETING}/main.cf", UNREAD: "marketing", UNSIGNED: "when the signer is dead"},
    ),
    Case(
        "a listener goes past the signer",
        *submission_override("receive_override_options=no_milters"),
        {FILES: f"{MARKETING}/master.cf", UNREAD: "marketing", UNSIGNED: "no_milters"},
    ),
    Case(
        "a stream follows records to anywhere",
        *postconf("smtp_dns_reply_filter ="),
        {
            FILES: f"{MARKETING}/main.cf",
            UNREAD: "marketing",
            NOWHERE: "marketing: mail goes where a record says A 0.0.0.0",
        },
    ),
    Case(
        "an address is a recipient's domain",
        *postconf("smtpd_recipient_restrictions = permit_sasl_authenticated, reject"),
        {
            FILES: f"{MARKETING}/main.cf",
            UNREAD: "marketing",
            NOWHERE: "takes an address for a recipient's domain",
        },
    ),
    Case(
        "something else listens",
        "systemd-run --quiet --unit=audit-listens python3 -m http.server 8080"
        " && until ss -Hltn | grep -q :8080; do :; done",
        "systemctl stop audit-listens.service",
        {"listeners.nothing_else_listens": "0.0.0.0:8080/tcp (python3) listens"},
    ),
    Case(
        "a signer is stopped",
        "systemctl stop postroad-dkim@marketing.service",
        "systemctl start postroad-dkim@marketing.service",
        {
            UNITS: "postroad-dkim@marketing.service is inactive",
            "signing.signers_sign": "the marketing signer, given a message from",
            ANSWER: "Try again later",
        },
    ),
    Case(
        "the milter is stopped",
        "systemctl stop postroad-milter@marketing.service",
        "systemctl start postroad-milter@marketing.service",
        {
            UNITS: "postroad-milter@marketing.service is inactive",
            LET_OUT: "cannot read: does not answer",
            ANSWER: "Try again later",
        },
    ),
    Case(
        "the milter is left out",
        *postconf(
            "smtpd_milters = { unix:/run/postroad-dkim-marketing/signer.sock,"
            " default_action=tempfail }",
            after="systemctl reload postroad-postfix@marketing",
        ),
        {FILES: "main.cf", UNSIGNED: "marketing: smtpd at"},
    ),
    Case(
        "what the signer cannot read is let through to it",
        *edited(
            "/etc/postfix-marketing/header_checks",
            "echo '/^X-Nothing:/ DUNNO' > /etc/postfix-marketing/header_checks",
            "systemctl reload postroad-postfix@marketing",
        ),
        {FILES: "header_checks", LET_OUT: "cannot read: taken by header_checks"},
    ),
    Case(
        "a daemon may write where root writes its file",
        "chown unbound /etc/unbound",
        "chown root /etc/unbound",
        {"files.folders_above_are_root_s": "/etc/unbound belongs to unbound"},
    ),
    Case(
        "a key can be read by others",
        "chmod 644 /etc/postroad/marketing/keys/*/*.pem",
        "chmod 600 /etc/postroad/marketing/keys/*/*.pem",
        {
            "signing.keys_are_there_and_private": "mode 0644, not 0600",
            "signing.signers_sign": "given a message from probe@news.shop.example: deferred",
        },
    ),
    Case(
        "a signer lets strangers pass",
        *edited(
            "/etc/postroad/marketing/opendkim.conf",
            "cd /etc/postroad/marketing && grep -v no-key-for signing.table > /etc/audit-table"
            " && sed -i -e /^SetupPolicyScript/d"
            " -e 's,^SigningTable.*,SigningTable refile:/etc/audit-table,' opendkim.conf",
            RESTART_SIGNER,
        ),
        {
            FILES: "/etc/postroad/marketing/opendkim.conf",
            "signing.strangers_are_not_signed": "passed unsigned",
        },
    ),
    Case(
        "old TLS is taken",
        *postconf(
            "smtpd_tls_mandatory_protocols = >=TLSv1",
            "smtpd_tls_mandatory_ciphers = low",
            "smtpd_tls_mandatory_exclude_ciphers =",
            "tls_low_cipherlist = ALL:@SECLEVEL=0",
            after=RELOAD,
        ),
        {FILES: f"{MARKETING}/main.cf", "submission.tls_is_of_today": "takes TLS 1.1 or 1.0"},
    ),
    Case(
        "passwords are asked for in the clear",
        *edited(
            f"{MARKETING}/master.cf",
            f"sed -i 's/smtpd_tls_security_level=encrypt/smtpd_tls_security_level=may"
            f" -o smtpd_tls_auth_only=no/' {MARKETING}/master.cf",
            RELOAD,
        ),
        {
            FILES: f"{MARKETING}/master.cf",
            "submission.logins_only_after_tls": "offers a login before TLS",
            "submission.tls_is_of_today": "takes TLS 1.1 or 1.0",
        },
    ),
    Case(
        "a stream relays for anybody",
        *postconf(
            "smtpd_client_restrictions =",
            "smtpd_sender_restrictions =",
            "mynetworks = 0.0.0.0/0, [::]/0",
            "smtpd_relay_restrictions = permit_mynetworks, reject",
            "smtpd_recipient_restrictions = permit_mynetworks, reject",
            after=RELOAD,
        ),
        {
            FILES: f"{MARKETING}/main.cf",
            "submission.nothing_relays_without_login": "takes mail for anybody from anybody",
            NOWHERE: "takes an address for a recipient's domain",
        },
    ),
    Case(
        "the running daemon has another limit",
        *postconf("message_size_limit = 4096000", after=RELOAD),
        {
            FILES: f"{MARKETING}/main.cf",
            VALUES: "message_size_limit is 4096000",
            "submission.listeners_are_who_they_must_be": "takes messages of 4096000 bytes",
        },
    ),
    Case(
        "a listener is gone",
        *edited(
            f"{MARKETING}/master.cf",
            f"sed -i '/^[0-9.]*:587 inet/,/^[^ ]/{{/:587 inet/d;/^ /d}}' {MARKETING}/master.cf",
            "systemctl restart postroad-postfix@marketing.service",
        ),
        {
            FILES: f"{MARKETING}/master.cf",
            "listeners.every_declared_place_listens": "port 587 (marketing submission)",
            ANSWER: "Connection refused",
        },
    ),
    Case(
        "the certificate is about to end",
        "cp -a /etc/letsencrypt/live/postroad /run/audit-live && cd /etc/letsencrypt/live/postroad"
        " && names=$(openssl x509 -in cert.pem -noout -ext subjectAltName"
        " | sed -n 's/ *DNS/DNS/gp')"
        " && rm fullchain.pem privkey.pem"
        " && openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=audit -keyout privkey.pem"
        ' -out fullchain.pem -addext "subjectAltName=$names" 2>/dev/null && chmod 600 privkey.pem'
        f" && {RELOAD_ALL}",
        "rm -r /etc/letsencrypt/live/postroad && mv /run/audit-live /etc/letsencrypt/live/postroad"
        f" && {RELOAD_ALL}",
        {"submission.certificates_are_good": "shows a certificate that ends in 3.0 days"},
    ),
    Case(
        "the certificate's key is gone",
        # Each listener has daemons that have read it, as many as an audit wants at once: an idle
        # one waits for 100 s (max_idle).
        "cd /etc/letsencrypt/live/postroad"
        " && ss -Hltn '( sport = 465 or sport = 587 or sport = 25 )'"
        " | { while read -r _ _ _ at _; do"
        " case $at in *:465) how= ;; *) how='-starttls smtp' ;; esac;"
        " for _ in 1 2 3; do"
        " sleep 1 | openssl s_client -connect $at $how >/dev/null 2>&1 & done; done; wait; };"
        " mv privkey.pem /run/audit-key",
        # One that began without it stays without.
        "mv /run/audit-key /etc/letsencrypt/live/postroad/privkey.pem;"
        " systemctl reload 'postroad-postfix@*'",
        {"submission.certificates_have_their_keys": "No such file or directory"},
    ),
    Case(
        "a certificate would be renewed from elsewhere",
        *edited(
            "/etc/letsencrypt/renewal/postroad.conf",
            "sed -i 's,^server = .*,server = https://ca.example/,' "
            "/etc/letsencrypt/renewal/postroad.conf",
        ),
        {"submission.certificates_renew_as_declared": "server https://ca.example/, not "},
    ),
    Case(
        "a port is opened",
        "ufw allow 8080/tcp >/dev/null",
        "ufw delete allow 8080/tcp >/dev/null",
        {RULES: "delete allow 8080/tcp"},
    ),
    Case(
        "the firewall is off",
        "ufw disable >/dev/null",
        "ufw --force enable >/dev/null",
        {
            RULES: "the firewall is switched off",
            PORT_25: "root may connect to port 25 elsewhere",
            ROOTS_DOOR: "nobody may connect to port 327 of loopback",
            KERNEL: "Postfix may connect to port 25 of 0.0.0.0",
            "firewall.no_network_takes_all_places": "nothing limits the places of a /32",
        },
    ),
    Case(
        "the kernel lets anybody send mail",
        "iptables -I ufw-before-output 1 -p tcp --dport 25 -j ACCEPT",
        "iptables -D ufw-before-output 1",
        {
            PORT_25: "IPv4: nobody may connect to port 25 elsewhere",
            KERNEL: "Postfix may connect to port 25 of 0.0.0.0",
        },
    ),
    Case(
        "the kernel lets mail in among neighbours",
        "iptables -I ufw-before-output 1 -p tcp --dport 25 -m owner --uid-owner postfix -j ACCEPT",
        "iptables -D ufw-before-output 1",
        {KERNEL: "may connect to port 25 of 0.0.0.0"},
    ),
    Case(
        "the kernel lets anybody hand in root's mail",
        "iptables -I ufw-before-output 1 -o lo -j ACCEPT",
        "iptables -D ufw-before-output 1",
        {
            ROOTS_DOOR: "nobody may connect to port 327 of loopback",
            KERNEL: "may connect to port 25 of 127.",
        },
    ),
    Case(
        "another resolver is asked",
        *edited("/etc/resolv.conf", "echo nameserver 192.0.2.1 >> /etc/resolv.conf"),
        {
            FILES: "/etc/resolv.conf",
            "resolver.the_host_asks_itself_only": "the host asks 127.0.0.1, 192.0.2.1",
        },
    ),
    Case(
        "the resolver believes everything",
        "unbound-control -q local_data . 60 IN NS audit.invalid.",
        "unbound-control -q local_data_remove .",
        {"resolver.answers_are_validated": "not validated (no AD bit)"},
    ),
    Case(
        "mail is older than it may be",
        "cp -p /etc/postfix/main.cf /run/audit-main"
        " && echo defer_transports = smtp >> /etc/postfix/main.cf && postfix reload 2>/dev/null"
        " && echo old | sendmail root"
        " && until ls /var/spool/postfix/deferred/*/* >/dev/null 2>&1; do :; done"
        # The time record of the queue file (record.h, REC_TYPE_TIME): seconds of the epoch.
        " && LC_ALL=C sed -i -E 's/(T.)1[0-9]{9} /\\11500000000 /' /var/spool/postfix/deferred/*/*",
        "cp -p /run/audit-main /etc/postfix/main.cf; rm /run/audit-main;"
        " postsuper -d ALL 2>/dev/null; postfix reload 2>/dev/null",
        {FILES: "/etc/postfix/main.cf", "queues.no_mail_outlives_its_time": "hours old"},
    ),
    Case(
        "a message is corrupt",
        "install -o postfix -m 700 /dev/null /var/spool/postfix-marketing/corrupt/AUDIT",
        "rm /var/spool/postfix-marketing/corrupt/AUDIT",
        {
            "queues.no_mail_is_corrupt": "1 messages in /var/spool/postfix-marketing/corrupt",
            COMPLAINT: "damaged message: corrupt/AUDIT",
        },
    ),
    Case(
        "a folder of a queue is gone",
        "rmdir /var/spool/postfix-marketing/saved",
        "install -d -o postfix -m 700 /var/spool/postfix-marketing/saved",
        {"postfix.queues_have_their_folders": "no folder /var/spool/postfix-marketing/saved"},
    ),
    Case(
        "a folder of a queue is somebody else's",
        "chown nobody /var/spool/postfix-marketing/saved",
        "chown postfix /var/spool/postfix-marketing/saved",
        {COMPLAINT: "not owned by postfix: /var/spool/postfix-marketing/saved"},
    ),
    Case(
        "postdrop cannot write into the queue",
        "chmod g-s /usr/sbin/postdrop",
        "chmod g+s /usr/sbin/postdrop",
        {COMPLAINT: "not set-gid or not owner+group+world executable: /usr/sbin/postdrop"},
    ),
    Case(
        "the disk is full",
        "systemctl stop postroad-postfix@marketing.service"
        " && mount -t tmpfs -o size=8m,mode=755 tmpfs /var/spool/postfix-marketing"
        " && systemctl start postroad-postfix@marketing.service",
        "systemctl stop postroad-postfix@marketing.service"
        " && umount /var/spool/postfix-marketing"
        " && systemctl start postroad-postfix@marketing.service",
        {"queues.disks_have_room": "the marketing queue's disk has"},
    ),
    Case(
        "the clock is ahead",
        'printf \'#!/bin/sh\\n[ "$1" = +%%s.%%N ] && set -- -d "5 minutes" "$1"\\n'
        'exec /usr/bin/date "$@"\\n\' > /usr/local/bin/date && chmod 755 /usr/local/bin/date',
        "rm /usr/local/bin/date",
        {"clock.the_clock_is_right": "s ahead of this machine's"},
    ),
    Case(
        "a package is half installed",
        *edited(
            "/var/lib/dpkg/status",
            "sed -i '/^Package: dns-root-data$/,/^$/s/^Status: .*/Status: install ok unpacked/'"
            " /var/lib/dpkg/status",
        ),
        {PACKAGES: "dns-root-data is not installed", WHOLE: "packages are half installed"},
    ),
    Case(
        "services may not start",
        "printf '#!/bin/sh\\n# Written by postroad\\nexit 101\\n' > /usr/sbin/policy-rc.d",
        "rm /usr/sbin/policy-rc.d",
        {WHOLE: "/usr/sbin/policy-rc.d is left behind"},
    ),
    Case(
        "a daemon gave up",
        "cp -p /var/log/postroad/marketing.log /run/audit-log"
        " && echo \"$(date '+%b %e %H:%M:%S') mail1 postfix-marketing/smtpd[1]: fatal: no reason\""
        " >> /var/log/postroad/marketing.log",
        "cat /run/audit-log > /var/log/postroad/marketing.log; rm /run/audit-log",
        {QUIET: "fatal: no reason"},
    ),
    Case(
        "a log is not rotated",
        "echo \"$(date -d '9 days ago' '+%b %e %H:%M:%S') mail1 postfix/master[1]: started\""
        " > /var/log/postroad/audit.log",
        "rm /var/log/postroad/audit.log",
        {"logs.logs_are_rotated": "/var/log/postroad/audit.log goes back 9 days"},
    ),
]


def line(text: str, path: str = f"{MARKETING}/main.cf", after: str = "") -> tuple[str, str]:
    """A line more in a file."""
    return edited(path, f"echo '{text}' >> {path}", after)


def changed(path: str, script: str, after: str = "") -> tuple[str, str]:
    """A file after sed(1)."""
    return edited(path, f"sed -i -E '{script}' {path}", after)


SIGNER = "/etc/postroad/marketing/opendkim.conf"
KEY = "$(ls /etc/postroad/marketing/keys/news.shop.example/*.pem)"
MAIN, MASTER = f"{MARKETING}/main.cf", f"{MARKETING}/master.cf"
OLDER = "marketing instance runs by an older configuration"
SIGNERS = "signing.signers_sign"
KEYS = "signing.keys_are_there_and_private"
OPEN = "dns.streams_are_open"


def key_replaced(command: str) -> tuple[str, str]:
    """Another file in place of the marketing key; ``command`` writes to $key."""
    return (
        f"key={KEY} && cp -p $key /run/audit-key && echo $key > /run/audit-key.name && {command}",
        f"cp -p /run/audit-key $(cat /run/audit-key.name); rm /run/audit-key*; {RESTART_SIGNER}",
    )


# What `postfix check` finds a few of, and says nothing to most (postfix(1), "check").
POSTFIX = [
    Case(
        # In a container the clock is the machine's; script/test power sets back a real one.
        "the clock was set back under a stream",
        "touch -d '2 hours' /var/spool/postfix-marketing/pid/master.pid",
        "systemctl restart postroad-postfix@marketing.service",
        {"queues.no_mail_waits_for_another_time": "the clock was set back by 12"},
    ),
    Case(
        "a line without a sign of equality",
        *line("biff no"),
        {FILES: MAIN, UNREAD: OLDER, COMPLAINT: "missing"},
    ),
    Case(
        "a line of master.cf is too short",
        *line("trace unix - -", MASTER),
        {FILES: MASTER, UNREAD: OLDER, COMPLAINT: "bad field count"},
    ),
    Case(
        "a parameter is there twice",
        *line("biff = no"),
        {FILES: MAIN, UNREAD: OLDER},
    ),
    Case(
        "a comment stands behind a value",
        *postconf("biff = no # by hand"),
        {FILES: MAIN, UNREAD: OLDER},
    ),
    Case(
        "main.cf may be written by the group",
        f"chmod 664 {MAIN}",
        f"chmod 644 {MAIN}",
        {FILES: "mode 0664, not 0644", COMPLAINT: "group or other writable"},
    ),
    Case(
        "a time is no time",
        *postconf("minimal_backoff_time = 0.5s"),
        {FILES: MAIN, UNREAD: OLDER},
    ),
    Case(
        "a number is no number",
        *postconf("default_process_limit = many"),
        {
            FILES: MAIN,
            UNREAD: OLDER,
            VALUES: "default_process_limit is many",
            COMPLAINT: "bad numerical configuration",
        },
    ),
    Case(
        "a level of TLS does not exist",
        *postconf("smtp_tls_security_level = maybe"),
        {FILES: MAIN, UNREAD: OLDER, VALUES: "smtp_tls_security_level is maybe"},
    ),
    Case(
        "mail leaves in the clear",
        *postconf("smtp_tls_security_level = none", after=RELOAD),
        {FILES: MAIN, VALUES: "smtp_tls_security_level is none"},
    ),
    Case(
        "a daemon does not exist",
        *changed(MASTER, "s,^(trace .*) bounce$,\\1 bouncer,"),
        {FILES: MASTER, UNREAD: OLDER},
    ),
    Case(
        "a map does not exist",
        *postconf("smtpd_sender_login_maps = lmdb:/etc/postfix-marketing/nothing"),
        {FILES: MAIN, UNREAD: OLDER},
    ),
    Case(
        "a map is of no known kind",
        *postconf("transport_maps = nosuch:/etc/postfix-marketing/transport"),
        {FILES: MAIN, UNREAD: OLDER},
    ),
    Case(
        "a pattern does not compile",
        *line("/(/ REJECT", f"{MARKETING}/body_checks"),
        {FILES: "body_checks"},
    ),
    Case(
        "a restriction is misspelt",
        *postconf("smtpd_sender_restrictions = reject_sender_login_mismatsch", after=RELOAD),
        {FILES: MAIN},
    ),
    Case(
        "mail leaves from another address",
        *postconf("smtp_bind_address = 192.0.2.1"),
        {FILES: MAIN, UNREAD: OLDER, VALUES: "smtp_bind_address is 192.0.2.1"},
    ),
    Case(
        "a stream says another name",
        *postconf("smtp_helo_name = localhost"),
        {FILES: MAIN, UNREAD: OLDER, VALUES: "smtp_helo_name is localhost"},
    ),
]

# Ways past the signer, and a signer that does less than it must (opendkim.conf(5)).
SIGNING = [
    Case(
        "what sendmail takes goes past the signer",
        *postconf("non_smtpd_milters ="),
        {FILES: MAIN, UNREAD: OLDER, UNSIGNED: "pickup hands mail to no signer"},
    ),
    Case(
        "one listener has no signer",
        *submission_override("smtpd_milters="),
        {FILES: MASTER, UNREAD: OLDER, UNSIGNED: "587 hands mail to no signer"},
    ),
    Case(
        "one milter lets mail pass when it is dead",
        *changed(MAIN, "s/default_action=tempfail/default_action=accept/"),
        {FILES: MAIN, UNREAD: OLDER, UNSIGNED: "when the signer is dead"},
    ),
    Case(
        "another filter has the mail after the signer",
        *postconf("content_filter = smtp:[127.0.0.1]:10025"),
        {FILES: MAIN, UNREAD: OLDER},
    ),
    Case(
        "the signer's file has an option that does not exist",
        *line("TrustedHosts /etc/opendkim/TrustedHosts", SIGNER, after=f"{RESTART_SIGNER} || :"),
        {FILES: SIGNER, UNITS: "postroad-dkim@marketing", SIGNERS: "marketing", ANSWER: "later"},
    ),
    Case(
        "the signer verifies instead",
        *changed(SIGNER, "s/^Mode .*/Mode v/", after=RESTART_SIGNER),
        {FILES: SIGNER, SIGNERS: "marketing"},
    ),
    Case(
        "the body is signed to the letter",
        *changed(SIGNER, "s,^Canonicalization .*,Canonicalization simple/simple,", RESTART_SIGNER),
        {FILES: SIGNER},
    ),
    Case(
        "one-click unsubscription is not signed",
        *changed(SIGNER, "/^(SignHeaders|OversignHeaders)/d", RESTART_SIGNER),
        {FILES: SIGNER, VERIFY: "list-unsubscribe"},
    ),
    Case(
        # Its unit gives it no socket of that kind.
        "the signer is to listen on the network",
        *changed(SIGNER, "s/^Socket .*/Socket inet:12345@localhost/", f"{RESTART_SIGNER} || :"),
        {
            FILES: SIGNER,
            # It is down, or dies again and again: as the moment shows it.
            UNITS: "postroad-dkim@marketing.service ",
            SIGNERS: "marketing",
            ANSWER: "later",
        },
    ),
    Case(
        "a key table's line is no key",
        *line("garbage", "/etc/postroad/marketing/key.table", RESTART_SIGNER),
        {FILES: "key.table"},
    ),
    Case(
        "the signing table names no key",
        *changed(
            "/etc/postroad/marketing/signing.table",
            "s/^(\\S*news\\.shop\\.example\\S*)\\s.*/\\1 nobody/",
            RESTART_SIGNER,
        ),
        {FILES: "signing.table", SIGNERS: "marketing"},
    ),
    Case(
        # Without a key the domain waits, and of what waits nothing is asked of a signer.
        "a key is gone",
        *key_replaced("mv $key /run/audit-gone"),
        {KEYS: "missing", FILES: "key.table", OPEN: "it has no DKIM key yet"},
    ),
    Case(
        "a key is too short",
        *key_replaced(f"openssl genrsa -out $key 1024 2>/dev/null && {RESTART_SIGNER}"),
        {FILES: MAIN, SIGNERS: "deferred", OPEN: "holds another key"},
    ),
    Case(
        "a key is not the published one",
        *key_replaced(f"openssl genrsa -out $key 2048 2>/dev/null && {RESTART_SIGNER}"),
        {FILES: MAIN, VERIFY: "the key in the DNS is another one", OPEN: "holds another key"},
    ),
]

# Who may send what: logins, senders, clients.
DOORS = [
    Case(
        "a login may send as anybody",
        *postconf("smtpd_sender_restrictions =", after=RELOAD),
        {FILES: MAIN},
    ),
    Case(
        "a login may send as nobody",
        *changed(f"{MARKETING}/sender_access", "/<>/d", RELOAD),
        {FILES: f"{MARKETING}/sender_access"},
    ),
    Case(
        "the neighbours are trusted",
        *postconf("mynetworks = 127.0.0.0/8, 192.0.2.0/24"),
        {FILES: MAIN, UNREAD: OLDER},
    ),
    Case(
        "a stream has port 25",
        *line("2525 inet n - n - - smtpd", MASTER, "systemctl restart postroad-postfix@marketing"),
        {FILES: MASTER, "listeners.nothing_else_listens": "2525"},
    ),
    Case(
        "the host's own mail may come from elsewhere",
        *edited(
            "/etc/postfix/main.cf",
            "postconf -e inet_interfaces=all mynetworks=0.0.0.0/0",
        ),
        {FILES: "/etc/postfix/main.cf", UNREAD: "the default instance"},
    ),
    Case(
        "clients are held back in place of mail",
        *postconf("smtpd_client_message_rate_limit = 100"),
        {FILES: MAIN, UNREAD: OLDER},
    ),
    Case(
        "a stream's logins are another's",
        *edited(
            "/etc/postroad/marketing/users",
            "cat /etc/postroad/transactional/users > /etc/postroad/marketing/users",
        ),
        {FILES: "/etc/postroad/marketing/users"},
    ),
]

# The system beneath: units, packages, names, the time after this one.
SYSTEM = [
    Case(
        "the packages' own signer runs",
        "systemctl unmask --quiet opendkim.service && systemctl start opendkim.service || :",
        "systemctl stop opendkim.service; systemctl mask --quiet opendkim.service",
        {UNITS: "opendkim.service is not masked"},
    ),
    Case(
        "nobody answers an upgrade's question",
        *edited(
            "/etc/apt/apt.conf.d/81postroad-conffiles",
            "rm /etc/apt/apt.conf.d/81postroad-conffiles",
        ),
        {FILES: "/etc/apt/apt.conf.d"},
    ),
    Case(
        "a unit has been edited with systemctl",
        "mkdir -p /etc/systemd/system/postroad-postfix@.service.d"
        " && printf '[Unit]\\nPartOf=\\n' > /etc/systemd/system/postroad-postfix@.service.d/x.conf"
        " && systemctl daemon-reload",
        "rm -r /etc/systemd/system/postroad-postfix@.service.d && systemctl daemon-reload",
        {"units.units_are_not_edited": "postroad-postfix@.service is changed by"},
    ),
    Case(
        "a package is held back",
        "apt-mark hold postfix >/dev/null",
        "apt-mark unhold postfix >/dev/null",
        {"packages.packages_may_be_upgraded": "the package postfix is held back"},
    ),
    Case(
        "a later file switches upgrades off",
        "echo 'APT::Periodic::Unattended-Upgrade \"0\";' > /etc/apt/apt.conf.d/99audit",
        "rm /etc/apt/apt.conf.d/99audit",
        {"packages.upgrades_come_in": "APT::Periodic::Unattended-Upgrade is 0"},
    ),
    Case(
        "the timer of upgrades is masked",
        # Masked while it runs, it would have failed besides.
        "systemctl stop apt-daily-upgrade.timer && systemctl mask --quiet apt-daily-upgrade.timer",
        "systemctl unmask --quiet apt-daily-upgrade.timer"
        " && systemctl start apt-daily-upgrade.timer",
        {UNITS: "apt-daily-upgrade.timer is masked"},
    ),
    Case(
        "upgrades have had no success",
        "mkdir -p /var/lib/apt/periodic && cd /var/lib/apt/periodic && touch update-stamp"
        " && touch -d '9 days ago' upgrade-stamp /var/lib/postroad/applied/packaging",
        "rm -f /var/lib/apt/periodic/*-stamp; touch /var/lib/postroad/applied/packaging",
        {"packages.upgrades_succeed": "unattended upgrades had no success for 9 days"},
    ),
]

# Of every day; the others belong to the long tests.
CASES = [*OPERATION, *DOORS, *SYSTEM]
MORE_CASES = [*POSTFIX, *SIGNING]
