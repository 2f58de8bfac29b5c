# Logins for a Postfix: Dovecot's auth service, its socket where Debian's chroot is, one user.
cat > /etc/dovecot/dovecot.conf <<'END'
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols {
}
auth_mechanisms = plain
passdb passwd-file {
  passwd_file_path = /etc/dovecot/users
}
userdb static {
  fields {
    uid = nobody
    gid = nogroup
    home = /nonexistent
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
END
install -m 640 -g dovecot /dev/null /etc/dovecot/users
cat > /etc/dovecot/users <<'END'
@user@:{SHA512-CRYPT}@hash@
END
systemctl restart dovecot
# master.cf's own example of a submissions service, uncommented (RFC 8314 3.3).
postconf -M submissions/inet='submissions inet n - y - - smtpd'
postconf -P submissions/inet/syslog_name=postfix/submissions
postconf -P submissions/inet/smtpd_tls_wrappermode=yes
postconf -P submissions/inet/smtpd_sasl_auth_enable=yes
postconf -P submissions/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject
postconf -P submissions/inet/milter_macro_daemon_name=ORIGINATING
postconf -e smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth
