package hls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
)

// OpusPreSkip is how many samples of silence an encoder of Opus puts before what it is given, in
// its usual settings. The muxer writes the same number into dOps.
const OpusPreSkip = 312

// Init is the initialization section of a fragmented MP4.
func Init(tracks []Track) ([]byte, error) {
	header := fmp4.Init{}
	for i, t := range tracks {
		header.Tracks = append(header.Tracks, &fmp4.InitTrack{ID: i + 1, TimeScale: uint32(t.Rate), Codec: t.codec})
	}
	var b seekablebuffer.Buffer
	if err := header.Marshal(&b); err != nil {
		return nil, fmt.Errorf("write MP4 header: %w", err)
	}
	data := slices.Clone(b.Bytes())
	for i, t := range tracks {
		switch {
		case len(t.morePPS) > 0:
			data = insertPPS(data, i, t.morePPS)
		case t.preSkip > 0:
			data = insertEditList(data, i, t.preSkip)
		case t.level > 0:
			setVP9Level(data, i, t.level)
		}
	}
	return data, nil
}

// A boxRange is where a box is in a file, with its header.
type boxRange struct{ begin, end int }

// children returns the boxes of a type between two offsets. The boxes are the muxer's own.
func children(data []byte, begin, end int, kind string) (found []boxRange) {
	for at := begin; at+8 <= end; {
		size := int(binary.BigEndian.Uint32(data[at:]))
		if size < 8 || at+size > end {
			return found
		}
		if string(data[at+4:at+8]) == kind {
			found = append(found, boxRange{at, at + size})
		}
		at += size
	}
	return found
}

// trackBox returns the box of a track, and the one around it.
func trackBox(data []byte, track int) (moov, trak boxRange) {
	moov = children(data, 0, len(data), "moov")[0]
	return moov, children(data, moov.begin+8, moov.end, "trak")[track]
}

// insertEditList makes the presentation of a track begin after samples that are decoded only.
func insertEditList(data []byte, track, skip int) []byte {
	moov, trak := trackBox(data, track)
	at := children(data, trak.begin+8, trak.end, "tkhd")[0].end
	edts := []byte{
		0, 0, 0, 36, 'e', 'd', 't', 's',
		0, 0, 0, 28, 'e', 'l', 's', 't', 0, 0, 0, 0, 0, 0, 0, 1,
		0, 0, 0, 0, // of the duration of all fragments
		0, 0, 0, 0, // where the presentation begins
		0, 1, 0, 0, // with normal speed
	}
	binary.BigEndian.PutUint32(edts[28:], uint32(skip))
	resizeBoxes(data, []boxRange{moov, trak}, len(edts))
	return slices.Insert(data, at, edts...)
}

// setVP9Level corrects the level in the track's vpcC, for which the muxer has a constant.
func setVP9Level(data []byte, track int, level uint8) {
	_, trak := trackBox(data, track)
	box := data[trak.begin:trak.end]
	if at := bytes.Index(box, []byte("vpcC")); at >= 0 {
		box[at+9] = level // after version, flags and profile
	}
}
