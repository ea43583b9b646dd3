#!/usr/bin/env bash
# usage: image.sh ARCHIVE IMAGE
# Builds a container image from an archive of make dist, by buildah and so without an engine or a
# network, and saves it as the file IMAGE for docker load and podman load.
set -euo pipefail
archive=$(realpath "$1")
image=$(realpath "$2")
cd "$(dirname "$0")"
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
root=$context/rootfs
mkdir -p "$root"/{usr/bin,etc/ssl/certs,tmp} "$context/data/rostrum"
tar -C "$context" -xzf "$archive"
folder=$(basename "$archive" .tar.gz)
cp Containerfile "$context"
mv "$context/$folder/LICENCES" "$root/usr/"
mv "$context/$folder"/rostrum* "$root/usr/bin/"
install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'rostrum:x:65532:65532::/var/lib/rostrum:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'rostrum:x:65532:' >"$root/etc/group"
chmod 1777 "$root/tmp"
chmod 700 "$context/data/rostrum"
# What rostrum-media is linked with.
if [ -e "$root/usr/bin/rostrum-media" ]; then
	ldd "$root/usr/bin/rostrum-media" | grep -oE '/[^ ]+' | while read -r library; do install -D "$library" "$root$library"; done
fi
find "$context" -exec touch -hd "@${SOURCE_DATE_EPOCH:-0}" {} +
version=${folder#rostrum-}
version=${version%-linux-*}
buildah=(buildah --storage-driver vfs --root "$context/storage" --runroot "$context/run")
"${buildah[@]}" bud --isolation chroot --format docker --arch "${folder##*-}" --timestamp "${SOURCE_DATE_EPOCH:-0}" \
	--ignorefile <(printf 'storage\nrun\nrostrum-*\n') -t "rostrum:$version" -t rostrum:latest "$context" >&2
rm -f "$image"
"${buildah[@]}" push -q rostrum:latest "docker-archive:$image:rostrum:$version" >&2
