package hls

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// This file has what the muxer lacks: an avcC with several PPS (ISO 14496-15 §5.3.3.1).

// insertPPS adds to the PPS in the track's avcC, which has one.
func insertPPS(data []byte, track int, more [][]byte) []byte {
	moov, trak := trackBox(data, track)
	path, _ := avcPath(data, moov, trak)
	count, second, _ := findPPS(data, path[len(path)-1])
	var sets []byte
	for _, pps := range more {
		sets = append(binary.BigEndian.AppendUint16(sets, uint16(len(pps))), pps...)
	}
	data[count] += byte(len(more))
	resizeBoxes(data, path, len(sets))
	return slices.Insert(data, second, sets...)
}

// ReadInit reads an initialization section. Of several PPS it has the first.
func ReadInit(data []byte) (header fmp4.Init, err error) {
	data = bytes.Clone(data)
	for i := 0; ; i++ { // each track is found again: what is before it may have moved it
		moov := children(data, 0, len(data), "moov")
		if len(moov) == 0 {
			break
		}
		traks := children(data, moov[0].begin+8, moov[0].end, "trak")
		if i == len(traks) {
			break
		}
		data = removePPS(data, moov[0], traks[i])
	}
	err = header.Unmarshal(bytes.NewReader(data))
	return header, err
}

// removePPS leaves one PPS in the avcC of a track, if there is any.
func removePPS(data []byte, moov, trak boxRange) []byte {
	path, ok := avcPath(data, moov, trak)
	if !ok {
		return data
	}
	box := path[len(path)-1]
	count, second, ok := findPPS(data, box)
	if !ok {
		return data
	}
	end := second
	for range int(data[count]) - 1 {
		if end = skipSet(data, end, box.end); end < 0 {
			return data
		}
	}
	data[count] = 1
	resizeBoxes(data, path, second-end)
	return slices.Delete(data, second, end)
}

// avcPath is the track's avcC, after the boxes around it.
func avcPath(data []byte, moov, trak boxRange) (path []boxRange, ok bool) {
	path = []boxRange{moov, trak}
	for _, step := range []struct {
		kind   string
		header int // of the box around it
	}{{"mdia", 8}, {"minf", 8}, {"stbl", 8}, {"stsd", 8}, {"avc1", 16}, {"avcC", 86}} {
		around := path[len(path)-1]
		found := children(data, around.begin+step.header, around.end, step.kind)
		if len(found) == 0 {
			return nil, false
		}
		path = append(path, found[0])
	}
	return path, true
}

// findPPS returns where an avcC has the number of its PPS, and where the second is or would be. ok
// is false for one that has no SPS, several, or no PPS.
func findPPS(data []byte, avcC boxRange) (count, second int, ok bool) {
	spsCount := avcC.begin + 8 + 5 // after the header, version, profile and size of lengths
	if spsCount >= avcC.end || data[spsCount]&0x1f != 1 {
		return 0, 0, false
	}
	count = skipSet(data, spsCount+1, avcC.end)
	if count < 0 || count >= avcC.end || data[count] == 0 {
		return 0, 0, false
	}
	second = skipSet(data, count+1, avcC.end)
	return count, second, second >= 0
}

// skipSet returns where the parameter set ends whose size is at an offset; -1 if that is after end.
func skipSet(data []byte, at, end int) int {
	if at+2 > end {
		return -1
	}
	if at += 2 + int(binary.BigEndian.Uint16(data[at:])); at > end {
		return -1
	}
	return at
}

// resizeBoxes changes the sizes of boxes that are inside each other.
func resizeBoxes(data []byte, path []boxRange, by int) {
	for _, box := range path {
		binary.BigEndian.PutUint32(data[box.begin:], uint32(box.end-box.begin+by))
	}
}
