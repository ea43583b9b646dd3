package realtime

import (
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

// An rtxNamer sends the layer's name of retransmissions as the repaired RID (RFC 8852 §4).
// Pion sends it as the RID, by which a receiver takes the RTX stream for the layer.
type rtxNamer struct{ interceptor.NoOp }

// NewInterceptor implements interceptor.Factory.
func (rtxNamer) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &rtxNamer{}, nil
}

// BindLocalStream implements interceptor.Interceptor.
func (*rtxNamer) BindLocalStream(info *interceptor.StreamInfo, writer interceptor.RTPWriter) interceptor.RTPWriter {
	var layer, repaired uint8
	for _, e := range info.RTPHeaderExtensions {
		switch e.URI {
		case sdp.SDESRTPStreamIDURI:
			layer = uint8(e.ID)
		case sdp.SDESRepairRTPStreamIDURI:
			repaired = uint8(e.ID)
		}
	}
	if layer == 0 || repaired == 0 {
		return writer
	}
	return interceptor.RTPWriterFunc(func(header *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
		name := header.GetExtension(layer)
		if header.SSRC != info.SSRCRetransmission || name == nil {
			return writer.Write(header, payload, attributes)
		}
		named := header.Clone() // the packet may be sent again
		if err := named.DelExtension(layer); err != nil {
			return 0, err
		}
		if err := named.SetExtension(repaired, name); err != nil {
			return 0, err
		}
		return writer.Write(&named, payload, attributes)
	})
}
