package realtime

import (
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

func TestRTXNamer_SendsTheRepairedRID(t *testing.T) {
	const media, repair = 1, 2
	stream, repaired := interceptor.RTPHeaderExtension{URI: sdp.SDESRTPStreamIDURI, ID: 4}, interceptor.RTPHeaderExtension{URI: sdp.SDESRepairRTPStreamIDURI, ID: 5}
	for _, c := range []struct {
		name                    string
		extensions              []interceptor.RTPHeaderExtension
		ssrc                    uint32
		wantLayer, wantRepaired string
	}{
		{"a packet of the layer", []interceptor.RTPHeaderExtension{stream, repaired}, media, "h", ""},
		{"one that is sent again", []interceptor.RTPHeaderExtension{stream, repaired}, repair, "", "h"},
		{"one that is sent again to who knows no such name", []interceptor.RTPHeaderExtension{stream}, repair, "h", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sent rtp.Header
			w := new(rtxNamer).BindLocalStream(&interceptor.StreamInfo{SSRC: media, SSRCRetransmission: repair, RTPHeaderExtensions: c.extensions},
				interceptor.RTPWriterFunc(func(h *rtp.Header, _ []byte, _ interceptor.Attributes) (int, error) {
					sent = *h
					return 0, nil
				}))
			h := rtp.Header{Version: 2, SSRC: c.ssrc}
			if err := h.SetExtension(4, []byte("h")); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(&h, nil, nil); err != nil {
				t.Fatal(err)
			}
			if layer, named := string(sent.GetExtension(4)), string(sent.GetExtension(5)); layer != c.wantLayer || named != c.wantRepaired {
				t.Errorf("sent as layer %q, repaired %q; expected %q, %q", layer, named, c.wantLayer, c.wantRepaired)
			}
			if string(h.GetExtension(4)) != "h" {
				t.Error("the packet that is kept was changed")
			}
		})
	}
}
