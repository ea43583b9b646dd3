package sfu

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// A sealer protects what goes to one peer (RFC 3711). Media under AES-GCM (RFC 7714) it seals
// itself, for the index of each packet is known here and needn't be guessed from its number;
// media under the other profile, and RTCP, are pion/srtp's.
//
// Under AES-GCM two contents with one index would betray both, and the key that authenticates.
// That an index of a stream is used once, or again for the same packet bit for bit, is its
// streams' affair: see Forwarder.Forward, Subscription.repeat, Subscription.resend and cover.
type srtpEncrypter struct {
	context *srtp.Context
	header  rtp.Header  // scratch of context
	gcm     cipher.AEAD // nil under the other profile
	salt    [ivSize]byte
	iv      [ivSize]byte // of the packet at hand, here so that it needn't be allocated
}

const (
	ivSize         = 12        // bytes, as of the salt
	maxPacketIndex = 1<<48 - 1 // after which a key is spent (RFC 3711 §9.2)
)

// Labels of what is derived from the master key (RFC 3711 §4.3.2).
const (
	labelKey  = 0
	labelSalt = 2
)

var errKeyExhausted = errors.New("the key has sealed all that it may")

func newSRTPEncrypter(key, salt []byte, profile srtp.ProtectionProfile) (*srtpEncrypter, error) {
	context, err := srtp.CreateContext(key, salt, profile)
	if err != nil {
		return nil, err
	}
	s := &srtpEncrypter{context: context}
	if profile != srtp.ProtectionProfileAeadAes128Gcm && profile != srtp.ProtectionProfileAeadAes256Gcm {
		return s, nil
	}
	master, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("take the master key: %w", err)
	}
	session, err := aes.NewCipher(derive(master, salt, labelKey, len(key)))
	if err != nil {
		return nil, fmt.Errorf("take the session key: %w", err)
	}
	if s.gcm, err = cipher.NewGCM(session); err != nil {
		return nil, err
	}
	copy(s.salt[:], derive(master, salt, labelSalt, ivSize))
	return s, nil
}

// derive makes n bytes of key from the master's (RFC 3711 §4.3.1 with a rate of 0, §4.3.3; the
// shorter salt by RFC 7714 §11).
func derive(master cipher.Block, salt []byte, label byte, n int) []byte {
	var x [aes.BlockSize]byte
	copy(x[:], salt)
	x[7] ^= label
	out := make([]byte, n)
	cipher.NewCTR(master, x[:]).XORKeyStream(out, out)
	return out
}

// seal appends to b, which is the packet's header, the sealed payload, and writes the number
// into the header: the low 16 bits of the index. The payload may lie right behind b, where its
// sealed form is to be.
func (s *srtpEncrypter) encryptRTP(b, payload []byte, index uint64) ([]byte, error) {
	if index > maxPacketIndex {
		return nil, errKeyExhausted
	}
	binary.BigEndian.PutUint16(b[2:], uint16(index))
	if s.gcm == nil {
		return s.context.EncryptRTP(b[:0], append(b, payload...), &s.header)
	}
	// RFC 7714 §8.1: two bytes of zero, SSRC and index, with the salt.
	ssrc := binary.BigEndian.Uint32(b[8:])
	binary.BigEndian.PutUint32(s.iv[:], ssrc>>16)
	binary.BigEndian.PutUint64(s.iv[4:], uint64(ssrc)<<48|index)
	for i := range s.iv {
		s.iv[i] ^= s.salt[i]
	}
	return s.gcm.Seal(b, s.iv[:], payload, b), nil
}

// sealRTCP seals one compound packet.
func (s *srtpEncrypter) encryptRTCP(b []byte) ([]byte, error) {
	return s.context.EncryptRTCP(nil, b, nil)
}
