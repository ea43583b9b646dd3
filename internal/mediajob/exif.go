//go:build cgo

package mediajob

import (
	"encoding/binary"
	"time"
)

// Tags of Exif 2.32 (CIPA DC-008), and the types of TIFF 6.0.
const (
	exifIFD            = 0x8769
	dateTimeOriginal   = 0x9003
	offsetTimeOriginal = 0x9011
	subSecTimeOriginal = 0x9291

	tiffASCII = 2
	tiffLong  = 4
)

// withExif adds to a JPEG when its picture was taken, in the first segment.
func withExif(jpeg []byte, at time.Time) []byte {
	body := append([]byte("Exif\x00\x00"), exif(at.UTC())...)
	out := append(make([]byte, 0, len(jpeg)+len(body)+4), jpeg[:2]...)
	out = binary.BigEndian.AppendUint16(append(out, 0xff, 0xe1), uint16(len(body)+2))
	return append(append(out, body...), jpeg[2:]...)
}

// exif is a file of TIFF with a time in UTC.
func exif(at time.Time) []byte {
	const directory, values = 26, 26 + 2 + 3*12 + 4 // where the directory of Exif and its longer values are
	entry := func(b []byte, tag, kind uint16, count, value uint32) []byte {
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, tag), kind)
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, count), value)
	}
	date, offset, fraction := at.Format("2006:01:02 15:04:05\x00"), "+00:00\x00", at.Format(".000")[1:]+"\x00"
	b := []byte("MM\x00\x2a\x00\x00\x00\x08\x00\x01")
	b = binary.BigEndian.AppendUint32(entry(b, exifIFD, tiffLong, 1, directory), 0)
	b = binary.BigEndian.AppendUint16(b, 3)
	b = entry(b, dateTimeOriginal, tiffASCII, uint32(len(date)), values)
	b = entry(b, offsetTimeOriginal, tiffASCII, uint32(len(offset)), uint32(values+len(date)))
	b = entry(b, subSecTimeOriginal, tiffASCII, uint32(len(fraction)), binary.BigEndian.Uint32([]byte(fraction)))
	return append(binary.BigEndian.AppendUint32(b, 0), date+offset...)
}
