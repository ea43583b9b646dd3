package media

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pion/rtp/codecs"
)

func TestPacketizeH264_IsDepacketizedAsItsUnits(t *testing.T) {
	const size = 100
	unit := func(header byte, length int) []byte {
		u := bytes.Repeat([]byte{header, 0x88, 3}, length)[:length]
		u[0] = header
		return u
	}
	sps, pps, slice := unit(0x67, 9), unit(0x68, 4), unit(0x65, 60)
	for name, c := range map[string]struct {
		units   [][]byte
		without int // index of a unit that is left out, -1 for none
		first   byte
		packets int
	}{
		"a short unit":                 {[][]byte{slice}, -1, 5, 1},
		"as long as a packet":          {[][]byte{unit(0x65, size)}, -1, 5, 1},
		"a byte longer":                {[][]byte{unit(0x65, size+1)}, -1, nalFUA, 2},
		"fragments that are all full":  {[][]byte{unit(0x65, 1+3*(size-2))}, -1, nalFUA, 3},
		"a byte longer than those":     {[][]byte{unit(0x65, 2+3*(size-2))}, -1, nalFUA, 4},
		"several slices":               {[][]byte{slice, unit(0x41, 250), slice}, -1, 5, 5},
		"parameter sets":               {[][]byte{sps, pps, slice}, -1, nalSTAPA, 2},
		"parameter sets alone":         {[][]byte{sps, pps}, -1, nalSTAPA, 1},
		"one parameter set":            {[][]byte{pps, slice}, -1, 8, 2},
		"several of a kind":            {[][]byte{sps, pps, pps, slice}, -1, nalSTAPA, 2},
		"sets too long for one packet": {[][]byte{unit(0x67, 120), pps, slice}, -1, nalFUA, 4},
		"SEI":                          {[][]byte{unit(0x06, 20), slice}, -1, 6, 2},
		"an access unit delimiter":     {[][]byte{{9, 0xf0}, slice}, 0, 5, 1},
		"filler data":                  {[][]byte{slice, unit(12, 300)}, 1, 5, 1},
		"an empty unit":                {[][]byte{slice, {}}, 1, 5, 1},
		"nothing":                      {nil, -1, 0, 0},
	} {
		before := bytes.Join(c.units, nil)
		payloads := PacketizeH264(c.units, size)
		if len(payloads) != c.packets || c.packets > 0 && payloads[0][0]&0x1f != c.first {
			t.Errorf("%s: %d packets, want %d, the first %x", name, len(payloads), c.packets, payloads)
		}
		var d codecs.H264Packet
		var got, want []byte
		for _, p := range payloads {
			if len(p) > size {
				t.Errorf("%s: a packet has %d bytes", name, len(p))
			}
			b, err := d.Unmarshal(slices.Clip(p))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, b...)
		}
		for i, u := range c.units {
			if i != c.without {
				want = append(append(want, 0, 0, 0, 1), u...)
			}
		}
		if !bytes.Equal(got, want) || !bytes.Equal(bytes.Join(c.units, nil), before) {
			t.Errorf("%s: depacketized as %x, want %x", name, got, want)
		}
	}
}

// Packets are kept for retransmission: one that shared the memory of a unit would keep all of the
// message it came in.
func TestPacketizeH264_SharesNoMemoryWithUnits(t *testing.T) {
	for name, units := range map[string][][]byte{
		"a short unit":   {{0x65, 1, 2}},
		"a long unit":    {bytes.Repeat([]byte{0x65}, 300)},
		"parameter sets": {{0x67, 1, 2, 3, 4}, {0x68, 1}, {0x65, 1}},
		"one of them":    {{0x68, 1}},
	} {
		payloads := PacketizeH264(units, 100)
		before := bytes.Join(payloads, nil)
		for _, u := range units {
			clear(u)
		}
		if !bytes.Equal(bytes.Join(payloads, nil), before) {
			t.Errorf("%s: the payloads change with the units", name)
		}
	}
}

func FuzzPacketizeH264(f *testing.F) {
	f.Add([]byte{0x67, 1, 2}, []byte{0x68, 3}, []byte{0x65, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		for _, p := range PacketizeH264([][]byte{a, b, c}, 8) {
			if len(p) == 0 || len(p) > 8 {
				t.Errorf("a packet has %d bytes", len(p))
			}
		}
	})
}
