# Before every setup, as root on a bare Debian host: its packages, and a journal that keeps every line
# (the default drops those beyond 10000 in 30 s: journald.conf(5) RateLimitBurst).
set -eu
umask 022
export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nRateLimitIntervalSec=0\n' > /etc/systemd/journald.conf.d/benchmark.conf
systemctl restart systemd-journald
echo 'postfix postfix/main_mailer_type select Internet Site' > /root/preseed
printf 'Acquire::http::Proxy "%s";\n' @proxy@ > /etc/apt/apt.conf.d/90lab
apt-get -q -q update
# The preseed needs no package: debconf is essential.
debconf-set-selections /root/preseed
apt-get -q -q -y --no-install-recommends install ssl-cert @packages@
rm /etc/apt/apt.conf.d/90lab
