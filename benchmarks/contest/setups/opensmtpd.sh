# Debian's OpenSMTPD with opensmtpd-filter-dkimsign, as its README says.
install -d -m 770 -o _dkimsign -g _dkimsign /etc/mail/dkim
install -m 600 -o _dkimsign -g _dkimsign /dev/null /etc/mail/dkim/key.pem
cat > /etc/mail/dkim/key.pem <<'END'
@key@END
install -m 600 /etc/ssl/private/ssl-cert-snakeoil.key /etc/mail/tls.key
install -m 640 -g opensmtpd /dev/null /etc/mail/users
cat > /etc/mail/users <<'END'
@user@ @hash@
END
cat > /etc/smtpd.conf <<'END'
pki here cert "/etc/ssl/certs/ssl-cert-snakeoil.pem"
pki here key "/etc/mail/tls.key"
table users file:/etc/mail/users
# The default is 100 messages a connection: then the client must come again, and on the way out it
# waits some seconds before the next one.
smtp limit max-mails 100000
mta limit session-mail-max 100000
filter sign proc-exec "filter-dkimsign -a rsa-sha256 -c relaxed/relaxed -d @domain@ -s @selector@ -k /etc/mail/dkim/key.pem -h @headers_colon@" user _dkimsign group _dkimsign
listen on 0.0.0.0 port 465 smtps pki here auth <users> filter sign
action "relay" relay
match auth from any for any action "relay"
END
systemctl restart opensmtpd
