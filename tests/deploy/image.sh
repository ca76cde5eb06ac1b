#!/bin/sh
# Builds the image for real and runs it as its user. The base is a stand-in of the distribution's own Python, under the name of
# the real one: nothing is pulled. Needs buildah, mmdebstrap and root.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
store="--root $work/store --runroot $work/run --storage-driver vfs"
trap 'buildah $store rm --all >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
base=$(sed -n 's/^ARG BASE=//p' Dockerfile)

mmdebstrap --quiet --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
    --customize-hook='rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED' \
    --customize-hook='ln -s python3 "$1"/usr/bin/python' \
    bookworm "$work/rootfs.tar"
# shellcheck disable=SC2086 # several words are several options
{
    container=$(buildah $store from scratch)
    buildah $store add --quiet "$container" "$work/rootfs.tar" / >/dev/null
    buildah $store commit --quiet --rm "$container" "$base" >/dev/null
    rm "$work/rootfs.tar"
    certificates=""
    [ ! -d /etc/ssl/certs ] || certificates="--volume /etc/ssl/certs:/etc/ssl/certs:ro"
    [ ! -f /etc/pip.conf ] || certificates="$certificates --volume /etc/pip.conf:/etc/pip.conf:ro"
    buildah $store bud --quiet --isolation chroot --pull=never --network host $certificates \
        --format docker --tag aether-auditor:test . >/dev/null

    buildah $store inspect --type image aether-auditor:test | python3 -c '
import json, sys
config = json.load(sys.stdin)["OCIv1"]["config"]
assert config["User"] == "10001:10001", config
assert config["Entrypoint"] == ["auditor"], config
assert config["Labels"]["org.opencontainers.image.title"] == "aether-auditor", config
'
    container=$(buildah $store from --pull=never aether-auditor:test)
    root=$(buildah $store mount "$container")
    added=$(du --summarize --bytes "$root/opt/auditor" | cut -f1)
    echo "the image adds $((added / 1000000)) MB to its base"
    [ "$added" -le 100000000 ] || { echo "that is more than 100 MB"; exit 1; }
    ! ls "$root"/opt/auditor/bin/pip* "$root"/usr/bin/gcc 2>/dev/null || { echo "pip or a compiler is left in it"; exit 1; }
    buildah $store run --isolation chroot "$container" -- id -u | grep -qx 10001
    code=0
    buildah $store run --isolation chroot "$container" -- auditor demo --once >"$work/demo" || code=$?
    tail -1 "$work/demo"
    [ "$code" = 2 ] || { cat "$work/demo"; echo "the demo ended with $code, not 2"; exit 1; }
    grep -q "everything planted was found, and nothing else" "$work/demo"
    buildah $store run --isolation chroot "$container" -- auditor selftest | tail -2
}
