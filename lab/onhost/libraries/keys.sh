# Keys of the application's own, for its DKIM, S/MIME and PGP: in the folder $1, made once.
set -eu
umask 077
folder=$1
mkdir -p "$folder/gnupg"
cd "$folder"
[ -s dkim.key ] || openssl genrsa -out dkim.key 2048
[ -s smime.key ] || openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=shop -keyout smime.key \
    -out smime.crt -addext extendedKeyUsage=emailProtection -addext keyUsage=digitalSignature
[ -s gnupg/pubring.kbx ] || gpg --homedir "$folder/gnupg" --batch --quiet --passphrase '' \
    --quick-gen-key orders@shop.example ed25519 sign never
