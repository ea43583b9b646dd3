#!/usr/bin/env bash
# usage: codecs.sh FOLDER
# Builds FFmpeg's libraries into FOLDER as archives, with no more than rostrum-media uses, so that
# it runs wherever there is a C library at least as new as this system's: distributions each
# have another version of the shared ones. The source is that of this Debian or Ubuntu; x264
# and Opus come as archives of its packages.
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
sources=$folder/sources
mkdir -p "$sources/lists/partial"

# The package lists are this folder's own, so that the system's stay as they are.
. /etc/os-release
case $ID in
debian) mirror=http://deb.debian.org/debian keyring=/usr/share/keyrings/debian-archive-keyring.gpg components=main ;;
ubuntu) mirror=http://archive.ubuntu.com/ubuntu keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg components="main universe" ;;
*) echo "codecs.sh builds on Debian and Ubuntu, not on $ID" >&2; exit 1 ;;
esac
echo "deb-src [signed-by=$keyring] $mirror $VERSION_CODENAME $components" >"$sources/sources.list"
apt=(apt-get -q -o "Dir::Etc::sourcelist=$sources/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$sources/lists"
	-o Acquire::Retries=3 -o APT::Sandbox::User=root)
"${apt[@]}" update
cd "$sources"
rm -rf ffmpeg-*/
"${apt[@]}" source ffmpeg
cd ffmpeg-*/
version=$(dpkg-parsechangelog -S Version)

# The file prefix map keeps the paths of this machine out of the archives.
./configure --prefix="$folder" --enable-pic --extra-cflags="-ffile-prefix-map=$PWD=ffmpeg" \
	--disable-everything --disable-autodetect --disable-programs --disable-doc --disable-debug --disable-network \
	--disable-avdevice --disable-avfilter --disable-avformat --disable-postproc \
	--enable-gpl --enable-libx264 --enable-libopus \
	--enable-decoder=h264,vp8,vp9,aac,opus --enable-encoder=libx264,libopus,aac,mjpeg
make -j"$(nproc)"
make install
echo "$version" >"$folder/version"
