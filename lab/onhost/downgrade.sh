# What came from the host's own repository goes back to what the distribution has.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
rm -rf /srv/upgrades /etc/apt/sources.list.d/lab-upgrades.list
apt-get -qq update
upgraded=$(dpkg-query -W -f '${Package} ${Version}\n' | sed -n 's/ \(.*\)+lab1$/=\1/p')
# shellcheck disable=SC2086 # words
[ -z "$upgraded" ] || apt-get -qq -y --allow-downgrades install $upgraded </dev/null >/dev/null
find /etc -name '*.dpkg-dist' -delete
