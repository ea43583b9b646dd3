package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/pion/transport/v5/replaydetector"
)

// version is of datagrams and of what is said on the bus about them. It is the first byte of each
// datagram, and keys depend on it.
const version = 1

const (
	headerSize = 1 + 4 + 8 // version, association, counter
	tagSize    = 16
	secretSize = 32

	// keyLifeBits is for how many datagrams a key is used: 2^26 are fewer than the 2^28 up to which
	// AES-GCM hides what datagrams of at most 2^11 bytes have (RFC 9001 appendix B.1.1). The next
	// key follows from the counter, without a message.
	keyLifeBits = 26

	// replayWindow is by how many datagrams one may be late.
	replayWindow = 4096
)

// Why a datagram is refused.
var (
	errVersion  = errors.New("the datagram is of another version, or of something else")
	errForged   = errors.New("the datagram is not authentic")
	errReplayed = errors.New("the datagram was received before, or is too old")
)

// A direction is the keys of one direction of an association, of which a few are made at a time.
type direction struct {
	secret []byte
	keys   map[uint64]cipher.AEAD // by the counter without its last keyLifeBits
	nonce  [12]byte               // of the current datagram; a field, so that it is not allocated
}

// newDirection derives the keys with which the node that names the association sender encrypts.
func newDirection(asking, asked []byte, sender, receiver uint32) (*direction, error) {
	if len(asking) != secretSize || len(asked) != secretSize {
		return nil, fmt.Errorf("secrets of a relay have %d bytes, not %d and %d", secretSize, len(asking), len(asked))
	}
	both := append(append([]byte(nil), asking...), asked...)
	secret, err := hkdf.Key(sha256.New, both, nil, fmt.Sprintf("rostrum relay %d from %d to %d", version, sender, receiver), secretSize)
	return &direction{secret: secret, keys: map[uint64]cipher.AEAD{}}, err
}

// key returns the key for a counter.
func (d *direction) key(counter uint64) (cipher.AEAD, error) {
	epoch := counter >> keyLifeBits
	if have := d.keys[epoch]; have != nil {
		return have, nil
	}
	raw, err := hkdf.Expand(sha256.New, d.secret, fmt.Sprintf("key %d", epoch), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	for old := range d.keys {
		if old+2 <= epoch || old >= epoch+2 {
			delete(d.keys, old)
		}
	}
	d.keys[epoch] = aead
	return aead, nil
}

// nonceOf is the counter: under one key it never repeats.
func (d *direction) nonceOf(counter uint64) []byte {
	binary.BigEndian.PutUint64(d.nonce[4:], counter)
	return d.nonce[:]
}

// A sealer encrypts datagrams. Each gets a counter of its own, also if it has what was sent before.
type sealer struct {
	direction *direction
	counter   uint64 // of the next
}

// begin returns the space for the header of a datagram, behind which its frames are appended.
func (s *sealer) begin(b []byte) []byte { return append(b[:0], make([]byte, headerSize)...) }

// seal encrypts what was appended, in place.
func (s *sealer) seal(b []byte, association uint32) ([]byte, error) {
	key, err := s.direction.key(s.counter)
	if err != nil {
		return nil, err
	}
	b[0] = version
	binary.BigEndian.PutUint32(b[1:], association)
	binary.BigEndian.PutUint64(b[5:], s.counter)
	nonce := s.direction.nonceOf(s.counter)
	s.counter++
	return key.Seal(b[:headerSize], nonce, b[headerSize:], b[:headerSize]), nil
}

// An opener decrypts the datagrams of one association.
type opener struct {
	direction *direction
	replay    replaydetector.CheckAccepter
	newest    uint64 // counter, once one was received
	received  uint64
}

func newOpener(d *direction) *opener {
	return &opener{direction: d, replay: replaydetector.New(replayWindow, math.MaxUint64).(replaydetector.CheckAccepter)}
}

// parseHeader returns the association that a datagram names.
func parseHeader(b []byte) (association uint32, err error) {
	if len(b) < headerSize+tagSize || b[0] != version {
		return 0, errVersion
	}
	return binary.BigEndian.Uint32(b[1:]), nil
}

// open decrypts a datagram with a valid header, in place.
func (o *opener) open(b []byte) ([]byte, error) {
	counter := binary.BigEndian.Uint64(b[5:])
	if counter>>keyLifeBits > o.newest>>keyLifeBits+1 {
		return nil, errForged // so many datagrams are not lost, and a key for each would be made
	}
	token := o.replay.CheckSeq(counter)
	if !token.Passed() {
		return nil, errReplayed
	}
	key, err := o.direction.key(counter)
	if err != nil {
		return nil, err
	}
	plain, err := key.Open(b[headerSize:headerSize], o.direction.nonceOf(counter), b[headerSize:], b[:headerSize])
	if err != nil {
		return nil, errForged
	}
	o.replay.Accept(token)
	o.newest = max(o.newest, counter)
	o.received++
	return plain, nil
}

// lost is how many datagrams did not arrive so far.
func (o *opener) lost() uint64 {
	if o.received == 0 {
		return 0
	}
	return o.newest + 1 - min(o.received, o.newest+1)
}
