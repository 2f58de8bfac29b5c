# Debian's Postfix with its own configuration; it signs nothing.
systemctl restart postfix
