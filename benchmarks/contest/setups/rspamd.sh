# Debian's Postfix, and rspamd that does nothing but sign: the proxy worker as a milter that scans by
# itself (https://rspamd.com/doc/workers/rspamd_proxy.html), by a UNIX socket inside Postfix's chroot.
install -d -m 750 -o _rspamd -g _rspamd /etc/rspamd/keys
install -m 640 -o _rspamd -g _rspamd /dev/null /etc/rspamd/keys/key.pem
cat > /etc/rspamd/keys/key.pem <<'END'
@key@END
install -d -m 750 -o _rspamd -g postfix /var/spool/postfix/rspamd
# The package's own rules are for mail that comes in: without them.
cat > /etc/rspamd/signing.lua <<'END'
require "global_functions" ()
config['regexp'] = {}
rspamd_maps = {}
END
cat > /etc/rspamd/signing.conf <<'END'
options {
  pidfile = "/run/rspamd/rspamd.pid";
  filters = "dkim";
  dns { nameserver = ["@resolver@"]; }
}
logging { type = "syslog"; level = "info"; facility = "mail"; }
lua = "/etc/rspamd/signing.lua";
modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }
actions { reject = null; add_header = null; greylist = null; }
worker "rspamd_proxy" {
  bind_socket = "/var/spool/postfix/rspamd/milter.sock mode=0666";
  milter = yes;
  timeout = 120s;
  count = 2;
  upstream "local" { default = yes; self_scan = yes; }
}
dkim { }
dkim_signing {
  enabled = true;
  sign_authenticated = true;
  sign_local = true;
  allow_username_mismatch = true;
  use_domain = "header";
  check_pubkey = false;
  use_redis = false;
  sign_headers = "@headers_colon@";
  domain { @domain@ { path = "/etc/rspamd/keys/key.pem"; selector = "@selector@"; } }
}
END
mkdir -p /etc/systemd/system/rspamd.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/bin/rspamd -c /etc/rspamd/signing.conf -f\n' \
    > /etc/systemd/system/rspamd.service.d/signing.conf
systemctl daemon-reload
systemctl restart rspamd
postconf -e smtpd_milters=unix:rspamd/milter.sock milter_default_action=tempfail
systemctl restart postfix
