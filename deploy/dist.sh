#!/usr/bin/env bash
# usage: dist.sh FOLDER [PLATFORM…]
# Builds the archives of a release into FOLDER, with checksums, a bill of materials and the
# licences, and on Linux Debian packages. The same commit, Go and Debian give the same bytes.
# VERSION names the release; MEDIA= leaves out rostrum-media, which is built for this machine's
# platform alone.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
shift
platforms=("$@")
[ $# -gt 0 ] || platforms=(linux/amd64 linux/arm64 darwin/arm64 darwin/amd64 windows/amd64)
version=${VERSION:-$(git describe --tags --always --dirty)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
host=$(go env GOHOSTOS)/$(go env GOHOSTARCH)
media=${MEDIA-yes}
codecs=$(realpath -m "${CODECS:-.cache/codecs}")
[ "$host" = "linux/$(go env GOHOSTARCH)" ] || media=
steps=$((${#platforms[@]} * 2 + 2)) step=0
began=$SECONDS
say() { step=$((step + 1)); echo "[$step/$steps] $* ($((SECONDS - began)) s)"; }

# build compiles ./cmd/$3 for the platform $1 into $2.
build() {
	GOOS=${1%/*} GOARCH=${1#*/} go build -trimpath -buildvcs=false -ldflags "-s -w -X main.release=$version" -o "$2" "./cmd/$3"
}

# archive packs the folder $2 below $1, as zip for Windows.
archive() {
	find "$1/$2" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
	case $2 in
	*windows*) (cd "$1" && rm -f "$2.zip" && find "$2" | LC_ALL=C sort | TZ=UTC zip -qX "$2.zip" -@) && mv "$1/$2.zip" "$out/" ;;
	*) tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --mode=go+r-w -c "$2" | gzip -9n >"$out/$2.tar.gz" ;;
	esac
}

# package makes a Debian package of the folder $1 for the architecture $2.
package() {
	local root=$work/deb-$2 depends=
	rm -rf "$root"
	install -D -t "$root/usr/bin" "$1/rostrum"
	[ ! -e "$1/rostrum-media" ] || { install -t "$root/usr/bin" "$1/rostrum-media"; depends=" libc6 (>= 2.35)"; }
	install -D -m 644 -t "$root/usr/lib/systemd/system" deploy/rostrum.service
	install -D -m 600 -t "$root/etc/rostrum" deploy/rostrum.yaml
	install -D -m 644 "$1/completions/rostrum.bash" "$root/usr/share/bash-completion/completions/rostrum"
	install -D -m 644 "$1/completions/_rostrum" "$root/usr/share/zsh/vendor-completions/_rostrum"
	install -D -m 644 "$1/completions/rostrum.fish" "$root/usr/share/fish/vendor_completions.d/rostrum.fish"
	install -D -m 644 -t "$root/usr/share/man/man1" "$1"/man/*.1
	gzip -9n "$root"/usr/share/man/man1/*.1
	install -D -m 644 "$1/LICENCES" "$root/usr/share/doc/rostrum/copyright"
	install -D -m 644 -t "$root/usr/share/doc/rostrum" README.md CHANGELOG.md
	install -D -t "$root/DEBIAN" deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm
	install -m 644 -t "$root/DEBIAN" deploy/debian/conffiles
	sed '/^Depends:$/d' >"$root/DEBIAN/control" <<-END
		Package: rostrum
		Version: $(sed -E 's/^v//; s/^([^0-9])/0~\1/; s/^([0-9a-f]{7,})(-dirty)?$/0~git\1\2/; s/-/+/g' <<<"$version")
		Architecture: $2
		Maintainer: The Rostrum authors <rostrum@localhost>
		Section: video
		Priority: optional
		Depends:$depends
		Recommends: ca-certificates
		Description: self-hosted stages of Amazon IVS Real-Time
		 Serves the API of Amazon IVS Real-Time Streaming, and the stages behind it:
		 WHIP, WHEP, RTMP, compositions, recordings and low-latency HLS.
	END
	dpkg-deb --root-owner-group -Zxz --build "$root" "$out/rostrum_${version#v}_$2.deb" >/dev/null
}

mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "rostrum for $host, manual pages, completions, bill of materials, licences"
CGO_ENABLED=0 build "$host" "$work/rostrum" rostrum
common=$work/common
mkdir -p "$common/completions"
"$work/rostrum" manual "$common/man"
"$work/rostrum" completion bash >"$common/completions/rostrum.bash"
"$work/rostrum" completion zsh >"$common/completions/_rostrum"
"$work/rostrum" completion fish >"$common/completions/rostrum.fish"
cp README.md CHANGELOG.md LICENSE "$common"
mkdir "$common/deploy"
cp deploy/rostrum.service deploy/rostrum.yaml deploy/Containerfile deploy/compose.yaml deploy/compose-cluster.yaml deploy/grafana-dashboard.json deploy/alerts.yaml deploy/nginx.conf deploy/Caddyfile "$common/deploy"
go run ./deploy/sbom "$work/rostrum" "$version" "$out/rostrum-$version.cdx.json" "$common/LICENCES"

for platform in "${platforms[@]}"; do
	name=rostrum-$version-${platform/\//-}
	folder=$work/$name
	cp -a "$common" "$folder"
	say "rostrum for $platform"
	suffix=$([ "${platform%/*}" != windows ] || echo .exe)
	CGO_ENABLED=0 build "$platform" "$folder/rostrum$suffix" rostrum
	if [ -n "$media" ] && [ "$platform" = "$host" ]; then
		[ -e "$codecs/version" ] || deploy/codecs.sh "$codecs"
		# The flags are part of the key of Go's cache, other than what pkg-config answers.
		PKG_CONFIG_LIBDIR=$codecs/lib/pkgconfig CGO_ENABLED=1 CGO_CFLAGS="-O2 -g -I$codecs/include" build "$platform" "$folder/rostrum-media" rostrum-media
		cat "$codecs/LICENCES" >>"$folder/LICENCES"
	fi
	say "archive for $platform"
	archive "$work" "$name"
	case $platform in linux/*) ! command -v dpkg-deb >/dev/null || package "$folder" "${platform#*/}" ;; esac
done

say "checksums"
(cd "$out" && find . -maxdepth 1 -type f -name "*$version*" -printf '%P\n' -o -maxdepth 1 -name "rostrum_${version#v}_*.deb" -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >"SHA256SUMS")
cat "$out/SHA256SUMS"
