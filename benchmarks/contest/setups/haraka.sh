# Haraka from npm (unpacked in /opt/haraka), on Debian's Node.js: a process a core, as its performance
# notes advise; submissions by TLS and login, a queue on disk, signed by its dkim plugin.
config=/opt/haraka/config
mkdir -p $config/dkim/@domain@ /opt/haraka/queue
# As "haraka -i" does for a new host.
cp /opt/haraka/node_modules/Haraka/config/connection.ini $config/
printf '%s\n' auth/flat_file dkim > $config/plugins
printf '%s\n' haraka.lab.example > $config/me
printf 'listen=0.0.0.0:465\nsmtps_port=465\nnodes=cpus\n' > $config/smtp.ini
printf 'inet_prefer=v4\n' > $config/outbound.ini
printf '[main]\nlevel=notice\n' > $config/log.ini
cp /etc/ssl/certs/ssl-cert-snakeoil.pem $config/tls_cert.pem
install -m 600 /etc/ssl/private/ssl-cert-snakeoil.key $config/tls_key.pem
install -m 600 /dev/null $config/auth_flat_file.ini
printf '[core]\nmethods=PLAIN\n[users]\n@user@=%s\n' '@password@' > $config/auth_flat_file.ini
cat > $config/dkim.ini <<'END'
[sign]
enabled = true
selector = @selector@
domain = @domain@
headers = @headers_comma@
[verify]
enabled = false
[canon]
body = relaxed
END
install -m 600 /dev/null $config/dkim/@domain@/private
cat > $config/dkim/@domain@/private <<'END'
@key@END
printf '%s\n' @selector@ > $config/dkim/@domain@/selector
cat > /etc/systemd/system/haraka.service <<'END'
[Service]
ExecStart=/usr/bin/node /opt/haraka/node_modules/Haraka/bin/haraka -c /opt/haraka
LimitNOFILE=16384
END
systemctl daemon-reload
systemctl restart haraka
