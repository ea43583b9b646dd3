package realtime

import (
	"encoding/binary"
	"errors"

	"rostrum/internal/media"
)

// Types of RTP payloads of H.264 (RFC 6184 §5.2).
const (
	h264MaxUnit = 23 // a single NAL unit
	h264STAPA   = 24
	h264FUA     = 28
)

var (
	startCode = []byte{0, 0, 0, 1}

	errH264Payload = errors.New("not a payload of H.264")
)

// h264Payloader splits pictures in Annex B format. Pion's keeps one PPS of several.
type h264Payloader struct{}

// Payload implements rtp.Payloader. The payloads share no memory with the picture.
func (h264Payloader) Payload(mtu uint16, picture []byte) [][]byte {
	return media.PacketizeH264(media.SplitAnnexB(picture), int(mtu))
}

// h264Units makes a picture in Annex B format from the payloads of H.264.
type h264Units struct {
	incomplete bool // the end of a fragmented unit is missing
}

// appendTo appends what a payload has of its picture.
func (u *h264Units) appendTo(picture, payload []byte) ([]byte, error) {
	if len(payload) == 0 {
		return picture, errH264Payload
	}
	kind := payload[0] & 0x1f
	if u.incomplete && kind != h264FUA {
		return picture, errH264Payload
	}
	switch {
	case kind == h264STAPA:
		return appendAggregated(picture, payload[1:])
	case kind == h264FUA:
		return u.appendFragment(picture, payload)
	case kind == 0 || kind > h264MaxUnit:
		return picture, errH264Payload
	}
	return append(append(picture, startCode...), payload...), nil
}

// appendAggregated appends units, each of which follows its size.
func appendAggregated(picture, units []byte) ([]byte, error) {
	for len(units) >= 2 {
		size := int(binary.BigEndian.Uint16(units))
		if units = units[2:]; size > len(units) {
			return picture, errH264Payload
		}
		picture = append(append(picture, startCode...), units[:size]...)
		units = units[size:]
	}
	return picture, nil
}

// appendFragment appends a part of a unit.
func (u *h264Units) appendFragment(picture, payload []byte) ([]byte, error) {
	if len(payload) < 2 {
		return picture, errH264Payload
	}
	begins, ends := payload[1]&0x80 != 0, payload[1]&0x40 != 0
	if begins == u.incomplete {
		return picture, errH264Payload
	}
	if begins {
		picture = append(append(picture, startCode...), payload[0]&0xe0|payload[1]&0x1f)
	}
	u.incomplete = !ends
	return append(picture, payload[2:]...), nil
}
