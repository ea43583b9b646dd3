package peer

import (
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

// A repairNamer names the layer of what is sent again as that of a repaired stream
// (RFC 8852 §4): Pion leaves the name of the stream itself on it, by which a receiver
// takes the repair for the layer.
type repairNamer struct{ interceptor.NoOp }

// NewInterceptor makes one for a connection.
func (repairNamer) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &repairNamer{}, nil
}

// BindLocalStream looks at what leaves.
func (*repairNamer) BindLocalStream(info *interceptor.StreamInfo, writer interceptor.RTPWriter) interceptor.RTPWriter {
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
		named := header.Clone() // the packet may be sent once more
		if err := named.DelExtension(layer); err != nil {
			return 0, err
		}
		if err := named.SetExtension(repaired, name); err != nil {
			return 0, err
		}
		return writer.Write(&named, payload, attributes)
	})
}
