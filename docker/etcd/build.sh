#!/bin/sh
# Builds a small image of an etcd that this machine has, for where no image can be pulled:
#     docker/etcd/build.sh ETCD [IMAGE]
# The image holds etcd, the libraries that it needs and nothing else.
set -eu
etcd=$(readlink -f "$1")
image=${2:-spicelock-etcd}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

install -D "$etcd" "$root/usr/local/bin/etcd"
mkdir -m 1777 "$root/tmp"
# None for an etcd that is linked statically.
for library in $(ldd "$etcd" 2>/dev/null | grep -o '/[^ ]*'); do
  install -D "$(readlink -f "$library")" "$root$library"
done
tar -C "$root" -c . | docker import \
  --change 'ENV PATH=/usr/local/bin' --change 'WORKDIR /tmp' --change 'CMD ["etcd"]' - "$image"
