#!/bin/sh
# Makes the certificates in tls: a CA, and what it has signed. They are valid from 2020 to 2120, apart
# from `expired`. The key of the CA is thrown away.
set -eu
target=$(cd "$(dirname "$0")" && pwd)/tls
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$target"
cd "$work"

cat >ca.cnf <<'END'
[ca]
default_ca = it
[it]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[localhost]
basicConstraints = critical,CA:FALSE
subjectAltName = DNS:localhost
extendedKeyUsage = serverAuth
[other]
basicConstraints = critical,CA:FALSE
subjectAltName = DNS:other.example
extendedKeyUsage = serverAuth
[client]
basicConstraints = critical,CA:FALSE
subjectAltName = DNS:packager.example
extendedKeyUsage = clientAuth
END
: >index.txt
echo 1000 >serial

request() {
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
}
sign() {
  name=$1 extensions=$2 end=$3
  shift 3
  openssl ca -batch -notext -config ca.cnf -extensions "$extensions" \
    -startdate 20200101000000Z -enddate "$end" -in "$name.csr" -out "$name.pem" "$@"
}
long=21200101000000Z

request ca "segment-stream test CA"
sign ca authority $long -selfsign -keyfile ca.key
for name in valid expired self_signed; do request $name localhost; done
request wrong_name other.example
request client packager
sign valid localhost $long -cert ca.pem -keyfile ca.key
sign expired localhost 20200201000000Z -cert ca.pem -keyfile ca.key
sign wrong_name other $long -cert ca.pem -keyfile ca.key
sign client client $long -cert ca.pem -keyfile ca.key
sign self_signed localhost $long -selfsign -keyfile self_signed.key
rm ca.key
cp ./*.key ca.pem valid.pem expired.pem wrong_name.pem client.pem self_signed.pem "$target"
