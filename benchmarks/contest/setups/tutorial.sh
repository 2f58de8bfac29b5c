# The tutorial's host (lab/images/tutorial.py), repaired just enough to sign what the shop hands in:
# OpenDKIM starts, and knows the shop's network; so does Postfix, which else takes 100 messages a
# minute. And a queue that waits a second after each message is not worth measuring.
cat > /root/tutorial.sh <<'END'
@tutorial@END
sh /root/tutorial.sh
sed -i 's/^TrustedHosts /InternalHosts /' /etc/opendkim.conf
echo @range@ >> /etc/opendkim/TrustedHosts
postconf -e mynetworks='127.0.0.0/8 @range@ [::1]/128' default_destination_rate_delay=0s
# systemd has given up on OpenDKIM by now.
systemctl reset-failed opendkim
systemctl restart opendkim postfix
