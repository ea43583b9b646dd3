package media

import (
	"bytes"
	"testing"
)

func TestAddParameterSets_SendsTheNewestOfEachIDBeforeThePicture(t *testing.T) {
	sps, changedSPS, secondSPS := []byte{0x67, 66, 0, 31, 0x80}, []byte{0x67, 66, 0, 31, 0x88}, []byte{0x67, 66, 0, 31, 0x40}
	pps, changedPPS, secondPPS := []byte{0x68, 0x80}, []byte{0x68, 0x88}, []byte{0x68, 0x40}
	slice, sei := []byte{0x65, 0x88}, []byte{0x06, 1}
	for name, c := range map[string]struct{ units, sets, want [][]byte }{
		"no sets in band":         {[][]byte{slice}, [][]byte{sps, pps}, [][]byte{sps, pps, slice}},
		"the same":                {[][]byte{sps, pps, slice}, [][]byte{sps, pps}, [][]byte{sps, pps, slice}},
		"a changed SPS":           {[][]byte{changedSPS, slice}, [][]byte{sps, pps}, [][]byte{changedSPS, pps, slice}},
		"a changed PPS":           {[][]byte{changedPPS, slice}, [][]byte{sps, pps}, [][]byte{sps, changedPPS, slice}},
		"both, behind SEI":        {[][]byte{sei, changedSPS, changedPPS, slice}, [][]byte{sps, pps}, [][]byte{changedSPS, changedPPS, sei, slice}},
		"further ones":            {[][]byte{secondSPS, secondPPS, slice}, [][]byte{sps, pps}, [][]byte{sps, secondSPS, pps, secondPPS, slice}},
		"one PPS of several":      {[][]byte{changedPPS, slice}, [][]byte{sps, pps, secondPPS}, [][]byte{sps, secondPPS, changedPPS, slice}},
		"what is damaged remains": {[][]byte{{}, {0x67}, slice}, [][]byte{sps, pps}, [][]byte{sps, pps, {}, {0x67}, slice}},
	} {
		got := AddParameterSets(c.units, c.sets)
		if !bytes.Equal(bytes.Join(got, []byte{0, 0, 1}), bytes.Join(c.want, []byte{0, 0, 1})) {
			t.Errorf("%s: %x, want %x", name, got, c.want)
		}
	}
}
