# Debian's exim4-daemon-light; a configuration of its own (Exim specification, "The default
# configuration file") that takes submissions and relays them by MX, signed.
install -m 640 -g Debian-exim /dev/null /etc/exim4/key.pem
cat > /etc/exim4/key.pem <<'END'
@key@END
install -m 640 -g Debian-exim /etc/ssl/private/ssl-cert-snakeoil.key /etc/exim4/tls.key
install -m 640 -g Debian-exim /dev/null /etc/exim4/exim4.conf
cat > /etc/exim4/exim4.conf <<'END'
primary_hostname = exim.lab.example
acl_smtp_rcpt = submissions
daemon_smtp_ports = 465
tls_on_connect_ports = 465
tls_advertise_hosts = *
tls_certificate = /etc/ssl/certs/ssl-cert-snakeoil.pem
tls_privatekey = /etc/exim4/tls.key
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
# A client hands in many messages by one connection; the default delivers the first ten of them at
# once and leaves the rest to the next queue run.
smtp_accept_queue_per_connection = 0
# The default is 20 connections in all.
smtp_accept_max = 100

begin acl
submissions:
  accept authenticated = *
         control = dkim_disable_verify
  deny

begin routers
dnslookup:
  driver = dnslookup
  transport = remote_smtp
  no_more

begin transports
remote_smtp:
  driver = smtp
  dkim_domain = @domain@
  dkim_selector = @selector@
  dkim_private_key = /etc/exim4/key.pem
  dkim_canon = relaxed
  dkim_sign_headers = @headers_colon@

begin retry
* * F,2h,1m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{@user@}}{crypteq{$auth3}{\N@hash@\N}}}}
  server_set_id = $auth2
END
systemctl restart exim4
