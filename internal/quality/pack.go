package quality

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"
)

// A Block is a stretch of one participant's samples, as a row of the store has it.
type Block struct {
	Sent, Received []Sample
	Details        Details
	Timeline       []Entry
}

// A trailer is what follows the samples, as JSON.
type trailer struct {
	Details
	Timeline []Entry `json:"timeline,omitempty"`
}

// Details are what does not change with every sample, for people. What is not known is empty.
type Details struct {
	Device    string `json:"device,omitempty"`
	SendPath  string `json:"sendPath,omitempty"` // types of the ICE candidates, and the protocol
	RecvPath  string `json:"receivePath,omitempty"`
	SendCodec string `json:"sendCodec,omitempty"`
	RecvCodec string `json:"receiveCodec,omitempty"`
	Encoder   string `json:"encoder,omitempty"`
	Decoder   string `json:"decoder,omitempty"`
}

// add takes over what is known of newer details.
func (d *Details) add(n Details) {
	for _, f := range [...]struct {
		to   *string
		from string
	}{
		{&d.Device, n.Device}, {&d.SendPath, n.SendPath}, {&d.RecvPath, n.RecvPath}, {&d.SendCodec, n.SendCodec},
		{&d.RecvCodec, n.RecvCodec}, {&d.Encoder, n.Encoder}, {&d.Decoder, n.Decoder},
	} {
		if f.from != "" {
			*f.to = f.from
		}
	}
}

const (
	packVersion = 2      // version 1 lacks the last figure
	maxPacked   = 10_000 // samples of one direction: more than a block ever has
)

var errPacked = errors.New("a block of quality samples is damaged")

// pack writes a block. Each figure is a column, of which only the differences are written, and
// of equal values their number: in most columns all are equal.
func pack(b *Block) []byte {
	out := []byte{packVersion}
	for _, samples := range [][]Sample{b.Sent, b.Received} {
		out = binary.AppendUvarint(out, uint64(len(samples)))
		out = appendColumn(out, samples, func(s *Sample) int64 { return s.At.Unix() })
		out = appendColumn(out, samples, func(s *Sample) int64 { return int64(s.Interval) })
		for _, f := range figures {
			out = appendColumn(out, samples, func(s *Sample) int64 { return int64(*f.of(s)) })
		}
	}
	if b.Details == (Details{}) && len(b.Timeline) == 0 {
		return out
	}
	rest, _ := json.Marshal(trailer{b.Details, b.Timeline}) // strings, numbers and times alone
	return append(out, rest...)
}

// appendColumn writes the first value and the differences that follow, of equal values their
// number.
func appendColumn(out []byte, samples []Sample, value func(*Sample) int64) []byte {
	var last int64
	for i := 0; i < len(samples); {
		v := value(&samples[i])
		if v != last {
			out = binary.AppendVarint(out, v-last)
			last = v
			i++
			continue
		}
		n := 1
		for i+n < len(samples) && value(&samples[i+n]) == last {
			n++
		}
		out = append(out, 0)
		out = binary.AppendUvarint(out, uint64(n))
		i += n
	}
	return out
}

// unpack reads a block.
func unpack(data []byte) (b Block, err error) {
	columns := figures[:]
	switch {
	case len(data) > 0 && data[0] == packVersion:
	case len(data) > 0 && data[0] == 1:
		columns = figures[:len(figures)-1]
	default:
		return b, errPacked
	}
	data = data[1:]
	for _, to := range []*[]Sample{&b.Sent, &b.Received} {
		n, size := binary.Uvarint(data)
		if size <= 0 || n > maxPacked {
			return b, errPacked
		}
		data = data[size:]
		samples := make([]Sample, n)
		set := func(s *Sample, v int64) { s.At = time.Unix(v, 0).UTC() }
		if data, err = readColumn(data, samples, set); err != nil {
			return b, err
		}
		if data, err = readColumn(data, samples, func(s *Sample, v int64) { s.Interval = int(v) }); err != nil {
			return b, err
		}
		for _, f := range columns {
			if data, err = readColumn(data, samples, func(s *Sample, v int64) { *f.of(s) = int(v) }); err != nil {
				return b, err
			}
		}
		*to = samples
	}
	var rest trailer
	if len(data) > 0 && json.Unmarshal(data, &rest) != nil {
		return b, errPacked
	}
	b.Details, b.Timeline = rest.Details, rest.Timeline
	return b, nil
}

func readColumn(data []byte, samples []Sample, set func(*Sample, int64)) ([]byte, error) {
	var last int64
	for i := 0; i < len(samples); {
		d, size := binary.Varint(data)
		if size <= 0 {
			return nil, errPacked
		}
		data = data[size:]
		n := uint64(1)
		if d == 0 {
			if n, size = binary.Uvarint(data); size <= 0 || n == 0 || n > uint64(len(samples)-i) {
				return nil, errPacked
			}
			data = data[size:]
		}
		last += d
		for range n {
			set(&samples[i], last)
			i++
		}
	}
	return data, nil
}
