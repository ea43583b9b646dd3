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

// srtpEncrypter encrypts what is sent to one peer (RFC 3711). It encrypts RTP under AES-GCM
// (RFC 7714) itself, because the index of each packet is known here and need not be guessed
// from its sequence number. pion/srtp encrypts RTP under the other profile, and RTCP.
//
// Under AES-GCM, two different packets with one index would reveal both, and the
// authentication key. That an index is used once, or again for the identical packet, is
// ensured by Forwarder.Forward, Subscription.resendSame, Subscription.sendRTX and redSwitch.
type srtpEncrypter struct {
	context *srtp.Context
	header  rtp.Header  // scratch space of context
	gcm     cipher.AEAD // nil under the other profile
	salt    [ivSize]byte
	iv      [ivSize]byte // of the current packet; a field, so that it is not allocated
}

const (
	ivSize         = 12        // bytes, as of the salt
	maxPacketIndex = 1<<48 - 1 // after which a key must not be used (RFC 3711 §9.2)
)

// Labels of the keys that are derived from the master key (RFC 3711 §4.3.2).
const (
	labelKey  = 0
	labelSalt = 2
)

var errKeyExhausted = errors.New("the SRTP key has encrypted as many packets as it may")

func newSRTPEncrypter(key, salt []byte, profile srtp.ProtectionProfile) (*srtpEncrypter, error) {
	context, err := srtp.CreateContext(key, salt, profile)
	if err != nil {
		return nil, err
	}
	e := &srtpEncrypter{context: context}
	if profile != srtp.ProtectionProfileAeadAes128Gcm && profile != srtp.ProtectionProfileAeadAes256Gcm {
		return e, nil
	}
	master, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use the master key: %w", err)
	}
	session, err := aes.NewCipher(derive(master, salt, labelKey, len(key)))
	if err != nil {
		return nil, fmt.Errorf("use the session key: %w", err)
	}
	if e.gcm, err = cipher.NewGCM(session); err != nil {
		return nil, err
	}
	copy(e.salt[:], derive(master, salt, labelSalt, ivSize))
	return e, nil
}

// derive derives n bytes of key from the master key (RFC 3711 §4.3.1 with a key derivation
// rate of 0, §4.3.3; the shorter salt follows RFC 7714 §11).
func derive(master cipher.Block, salt []byte, label byte, n int) []byte {
	var x [aes.BlockSize]byte
	copy(x[:], salt)
	x[7] ^= label
	out := make([]byte, n)
	cipher.NewCTR(master, x[:]).XORKeyStream(out, out)
	return out
}

// encryptRTP appends the encrypted payload to b, the packet's header, and writes the sequence
// number into the header: the low 16 bits of the index. The payload may be directly behind b,
// where its encrypted form is written.
func (e *srtpEncrypter) encryptRTP(b, payload []byte, index uint64) ([]byte, error) {
	if index > maxPacketIndex {
		return nil, errKeyExhausted
	}
	binary.BigEndian.PutUint16(b[2:], uint16(index))
	if e.gcm == nil {
		return e.context.EncryptRTP(b[:0], append(b, payload...), &e.header)
	}
	// RFC 7714 §8.1: two zero bytes, SSRC and index, XORed with the salt.
	ssrc := binary.BigEndian.Uint32(b[8:])
	binary.BigEndian.PutUint32(e.iv[:], ssrc>>16)
	binary.BigEndian.PutUint64(e.iv[4:], uint64(ssrc)<<48|index)
	for i := range e.iv {
		e.iv[i] ^= e.salt[i]
	}
	return e.gcm.Seal(b, e.iv[:], payload, b), nil
}

// encryptRTCP encrypts one compound packet.
func (e *srtpEncrypter) encryptRTCP(b []byte) ([]byte, error) {
	return e.context.EncryptRTCP(nil, b, nil)
}
