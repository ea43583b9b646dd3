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
rm -rf "$sources"
mkdir -p "$sources/lists/partial" "$sources/parts"

# The sources come from where this system's packages come from; its package lists stay as they are.
for list in /etc/apt/sources.list /etc/apt/sources.list.d/{debian,ubuntu}.sources; do
	[ ! -s "$list" ] || sed -E 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$list" >"$sources/parts/${list##*/}"
done
apt=(apt-get -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$sources/parts" -o "Dir::State::lists=$sources/lists"
	-o Acquire::Retries=3 -o APT::Sandbox::User=root)
"${apt[@]}" update
cd "$sources"
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
# x264 and Opus are taken from archives as well; 64-bit atomics need no library.
sed -i 's/-lopus/-l:libopus.a/; s/-lx264/-l:libx264.a/; s/-latomic//' "$folder"/lib/pkgconfig/*.pc

{
	echo "==== rostrum-media as a whole is under the GNU General Public License, version 3 or later, for it contains FFmpeg and x264."
	echo "==== FFmpeg $version: COPYING.GPLv2"
	cat COPYING.GPLv2
	echo "==== COPYING.GPLv3"
	cat COPYING.GPLv3
	for package in libx264-dev libopus-dev; do
		echo "==== $(dpkg-query -W "$package")"
		cat "/usr/share/doc/$package/copyright"
	done
} >"$folder/LICENCES"
# Who distributes rostrum-media also offers these sources.
cd "$sources"
"${apt[@]}" --download-only source x264 opus
mkdir -p "$folder/offer"
cp ./*.dsc ./*.tar.* "$folder/offer"
echo "$version" >"$folder/version"
