package rtmp

import (
	"encoding/binary"
	"math"

	"github.com/bluenviron/gortmplib/pkg/amf0"
)

// Markers of AMF0 types (AMF0 §2.1).
const (
	amfNumber = iota
	amfBoolean
	amfString
	amfObject
	amfMovieClip
	amfNull
	amfUndefined
	amfReference
	amfECMAArray
	amfObjectEnd
	amfStrictArray
	amfDate
	amfLongString
	amfUnsupported
	amfRecordSet
	amfXML
	amfTypedObject
)

const maxNesting = 32 // of values

// parseAMF0 returns the values in b, up to the first that can't be parsed: encoders differ in
// what they add to a command. Types without use here are read as undefined.
func parseAMF0(b []byte) (values []any) {
	p := amfParser{b: b}
	for len(p.b) > 0 {
		v := p.value(0)
		if p.failed && v == nil {
			break
		}
		values = append(values, v)
	}
	return values
}

// An amfParser reads from b. After a failure b is empty.
type amfParser struct {
	b      []byte
	failed bool
}

// take returns the next n bytes, or nil after a failure.
func (p *amfParser) take(n int) []byte {
	if n > len(p.b) {
		p.b, p.failed = nil, true
		return nil
	}
	taken := p.b[:n]
	p.b = p.b[n:]
	return taken
}

// length is a number of 2 or 4 bytes.
func (p *amfParser) length(size int) (n int) {
	for _, b := range p.take(size) {
		n = n<<8 | int(b)
	}
	return n
}

func (p *amfParser) text(size int) string { return string(p.take(p.length(size))) }

// value reads one value. It is nil if it failed before any of it was read.
func (p *amfParser) value(depth int) any {
	marker := p.take(1)
	if marker == nil || depth > maxNesting {
		p.b, p.failed = nil, true
		return nil
	}
	switch marker[0] {
	case amfNumber:
		if b := p.take(8); b != nil {
			return math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	case amfBoolean:
		if b := p.take(1); b != nil {
			return b[0] != 0
		}
	case amfString:
		return p.text(2)
	case amfLongString, amfXML:
		return p.text(4)
	case amfNull:
		return nil
	case amfReference:
		p.take(2)
	case amfDate:
		p.take(8 + 2)
	case amfTypedObject:
		p.text(2)
		return p.object(depth)
	case amfObject:
		return p.object(depth)
	case amfECMAArray:
		p.length(4)
		return amf0.ECMAArray(p.object(depth))
	case amfStrictArray:
		for n := p.length(4); n > 0 && !p.failed; n-- {
			p.value(depth + 1)
		}
	case amfUndefined, amfMovieClip, amfUnsupported, amfRecordSet:
	default: // such as a switch to AMF3: its length is unknown
		p.b, p.failed = nil, true
	}
	return amf0.Undefined{}
}

// object reads members up to the end marker.
func (p *amfParser) object(depth int) (o amf0.Object) {
	for !p.failed {
		key := p.text(2)
		if key == "" && len(p.b) > 0 && p.b[0] == amfObjectEnd {
			p.take(1)
			break
		}
		if v := p.value(depth + 1); !p.failed || v != nil {
			o = append(o, amf0.ObjectEntry{Key: key, Value: v})
		}
	}
	return o
}
