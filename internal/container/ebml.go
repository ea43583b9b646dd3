package container

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// IDs of the Matroska elements that are read or written (RFC 9559 §5).
const (
	idEBML            = 0x1A45DFA3
	idEBMLVersion     = 0x4286
	idEBMLReadVersion = 0x42F7
	idEBMLMaxIDLength = 0x42F2
	idEBMLMaxSize     = 0x42F3
	idDocType         = 0x4282
	idDocTypeVersion  = 0x4287
	idDocTypeRead     = 0x4285
	idSegment         = 0x18538067
	idInfo            = 0x1549A966
	idTimestampScale  = 0x2AD7B1
	idMuxingApp       = 0x4D80
	idWritingApp      = 0x5741
	idTracks          = 0x1654AE6B
	idTrackEntry      = 0xAE
	idTrackNumber     = 0xD7
	idTrackUID        = 0x73C5
	idTrackType       = 0x83
	idCodecID         = 0x86
	idCodecPrivate    = 0x63A2
	idEncodings       = 0x6D80
	idVideo           = 0xE0
	idPixelWidth      = 0xB0
	idPixelHeight     = 0xBA
	idAudio           = 0xE1
	idSampling        = 0xB5
	idChannels        = 0x9F
	idCluster         = 0x1F43B675
	idTimestamp       = 0xE7
	idSimpleBlock     = 0xA3
	idBlockGroup      = 0xA0
	idBlock           = 0xA1
)

var errEBML = errors.New("the Matroska structure is damaged")

// unknownSize is of an element that ends where the next element of its parent begins.
const unknownSize = math.MaxUint64

// readVint reads an EBML number of variable size (RFC 8794 §4). keep leaves its length
// marker in, as in ids.
func readVint(in io.ByteReader, keep bool) (v uint64, size int, err error) {
	first, err := in.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	size = bits.LeadingZeros8(first) + 1
	if size > 8 || keep && size > 4 {
		return 0, 0, errEBML
	}
	v = uint64(first)
	if !keep {
		v &= 1<<(8-size) - 1
	}
	ones := v == 1<<(8-size)-1
	for range size - 1 {
		b, err := in.ReadByte()
		if err != nil {
			return 0, 0, unexpected(err)
		}
		v = v<<8 | uint64(b)
		ones = ones && b == 0xFF
	}
	if ones && !keep {
		v = unknownSize
	}
	return v, size, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readElement reads an element's id and size. io.EOF means there is none.
func readElement(in *bufio.Reader) (id uint32, size uint64, err error) {
	v, _, err := readVint(in, true)
	if err != nil {
		return 0, 0, err
	}
	size, _, err = readVint(in, false)
	return uint32(v), size, unexpected(err)
}

// readBody reads an element's content of at most limit bytes.
func readBody(in io.Reader, size, limit uint64) ([]byte, error) {
	if size > limit {
		return nil, fmt.Errorf("%w: an element of %d bytes", errEBML, size)
	}
	body := make([]byte, size)
	_, err := io.ReadFull(in, body)
	return body, unexpected(err)
}

// A child is one element within another that is in memory.
type child struct {
	id   uint32
	body []byte
}

func (c child) uint() uint64 {
	var v uint64
	for _, b := range c.body[:min(len(c.body), 8)] {
		v = v<<8 | uint64(b)
	}
	return v
}

// children parses an element's content.
func children(body []byte) ([]child, error) {
	var all []child
	for len(body) > 0 {
		id, n := vint(body, true)
		if n == 0 {
			return nil, errEBML
		}
		body = body[n:]
		size, n := vint(body, false)
		if n == 0 || size > uint64(len(body)-n) {
			return nil, errEBML
		}
		all = append(all, child{id: uint32(id), body: body[n : n+int(size)]})
		body = body[n+int(size):]
	}
	return all, nil
}

// vint is readVint on memory; n is 0 where there is no number.
func vint(b []byte, keep bool) (v uint64, n int) {
	r := sliceReader(b)
	v, n, err := readVint(&r, keep)
	if err != nil {
		return 0, 0
	}
	return v, n
}

type sliceReader []byte

func (r *sliceReader) ReadByte() (byte, error) {
	if len(*r) == 0 {
		return 0, io.EOF
	}
	b := (*r)[0]
	*r = (*r)[1:]
	return b, nil
}

// element makes an element with an id and the parts of its content.
func element(id uint32, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	out := appendID(make([]byte, 0, size+12), id)
	out = binary.BigEndian.AppendUint64(out, 1<<56|uint64(size))
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func appendID(dst []byte, id uint32) []byte {
	n := (bits.Len32(id) + 7) / 8
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(id>>(8*i)))
	}
	return dst
}

func elementUint(id uint32, v uint64) []byte {
	return element(id, binary.BigEndian.AppendUint64(nil, v))
}

func elementFloat(id uint32, v float64) []byte {
	return element(id, binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
}
