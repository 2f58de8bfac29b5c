# A repository of security upgrades on the host itself: what it has of these sources, in a higher
# version, each configuration file changed by its maintainer. $* are names of source packages.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
place=/srv/upgrades
rm -rf $place; mkdir -p $place; cd $place; chmod 755 .
apt-get -qq update
wanted=
for source in "$@"; do
    wanted="$wanted $(dpkg-query -W -f '${source:Package} ${db:Status-Status} ${Package}\n' |
        sed -n "s/^$source installed //p")"
done
# shellcheck disable=SC2086 # words
apt-get -qq -o APT::Sandbox::User=root download $wanted
for deb in *.deb; do
    dpkg-deb -R "$deb" tree
    version=$(dpkg-deb -f "$deb" Version)
    # Also where a package wants another one of its source in the very same version.
    escaped=$(printf '%s' "$version" | sed 's/[].[*^$/\\]/\\&/g')
    sed -i -e "s/^Version: .*/&+lab1/" -e "s/(= $escaped)/(= $version+lab1)/g" tree/DEBIAN/control
    if [ -e tree/DEBIAN/conffiles ]; then
        while read -r file; do
            # A script stays one; what is a binary is left alone.
            grep -qI . "tree$file" && echo '# upgraded by the lab' >> "tree$file"
        done < tree/DEBIAN/conffiles
    fi
    dpkg-deb -Znone -b tree "upgraded-$deb" >/dev/null
    rm -r tree "$deb"
done
for deb in *.deb; do
    dpkg-deb -f "$deb"
    echo "Filename: ./$deb"
    echo "Size: $(stat -c %s "$deb")"
    echo "SHA256: $(sha256sum < "$deb" | cut -d ' ' -f 1)"
    echo
done > Packages
{
    echo "Origin: Lab"
    echo "Label: Lab-Security"
    echo "Date: $(date -Ru | sed 's/+0000/UTC/')"
    echo "Codename: $(. /etc/os-release; echo "$VERSION_CODENAME")-security"
    echo "SHA256:"
    echo " $(sha256sum < Packages | cut -d ' ' -f 1) $(stat -c %s Packages) Packages"
} > Release
echo "deb [trusted=yes] file:$place ./" > /etc/apt/sources.list.d/lab-upgrades.list
