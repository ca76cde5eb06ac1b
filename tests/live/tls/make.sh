#!/bin/sh
# Made these files once: a CA, a certificate of a server on loopback and one of a client, good for a hundred years.
set -e
cd "$(dirname "$0")"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1-key.pem"; }
key ca
openssl req -x509 -new -key ca-key.pem -sha256 -days 36500 -subj "/CN=test CA" -out ca.pem \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
for name in server client; do
    key $name
    openssl req -new -key $name-key.pem -subj "/CN=$name" -out $name.csr
    printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" \
        "extendedKeyUsage=${name}Auth" "subjectAltName=IP:127.0.0.1,DNS:localhost" "authorityKeyIdentifier=keyid" \
        "subjectKeyIdentifier=hash" > $name.ext
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -sha256 -days 36500 \
        -extfile $name.ext -out $name.pem
    rm $name.csr $name.ext
done
rm ca-key.pem ca.srl
