package sfu

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"rostrum/internal/sdp"
)

// srtpProfile is one SRTP protection profile.
type srtpProfile struct {
	profile   srtp.ProtectionProfile
	key, salt int // bytes
}

var srtpProfiles = map[string]srtpProfile{
	"AES-GCM, 128 bits":     {srtp.ProtectionProfileAeadAes128Gcm, 16, 12},
	"AES-GCM, 256 bits":     {srtp.ProtectionProfileAeadAes256Gcm, 32, 12},
	"AES-CM with HMAC-SHA1": {srtp.ProtectionProfileAes128CmHmacSha1_80, 16, 14},
}

func (p srtpProfile) contexts(t testing.TB) (*srtpEncrypter, *srtp.Context) {
	t.Helper()
	secret := []byte("0123456789abcdefghijklmnopqrstuvwxyz!,.-_*")
	key, salt := secret[:p.key], secret[len(secret)-p.salt:]
	s, err := newSRTPEncrypter(key, salt, p.profile)
	if err != nil {
		t.Fatal(err)
	}
	open, err := srtp.CreateContext(key, salt, p.profile)
	if err != nil {
		t.Fatal(err)
	}
	return s, open
}

// The vectors are those of RFC 3711 appendix B.3.
func TestSRTPEncrypter_DerivesKeysAsInRFC3711(t *testing.T) {
	key, _ := hex.DecodeString("E1F97A0D3E018BE0D64FA32C06DE4139")
	salt, _ := hex.DecodeString("0EC675AD498AFEEBB6960B3AABE6")
	master, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		label byte
		want  string
	}{
		{labelKey, "C61E7A93744F39EE10734AFE3FF7A087"},
		{labelSalt, "30CBBC08863D8C85D49DB34A9AE1"},
	} {
		want, _ := hex.DecodeString(c.want)
		if got := derive(master, salt, c.label, len(want)); !bytes.Equal(got, want) {
			t.Errorf("label %d: %X, want %X", c.label, got, want)
		}
	}
}

// plainPacket returns a header as subscriptions write it, and a payload.
func plainPacket(ssrc uint32, extension, padding bool, payload []byte) (header, body []byte) {
	header = make([]byte, 12, 2048)
	header[0], header[1] = 0x80, 106|0x80
	binary.BigEndian.PutUint32(header[4:], 90_000)
	binary.BigEndian.PutUint32(header[8:], ssrc)
	if extension {
		header[0] |= 0x10
		header = append(header, 0xbe, 0xde, 0, 1, 3<<4|1, 0x12, 0x34, 0)
	}
	if padding {
		header[0] |= 0x20
		payload = append(bytes.Clone(payload), 0, 0, 3)
	}
	return header, payload
}

// There are three streams, over two wraparounds of the sequence number, with late and repeated
// packets on both sides of each.
func TestSRTPEncrypter_PionDecryptsItsPackets(t *testing.T) {
	for name, profile := range srtpProfiles {
		t.Run(name, func(t *testing.T) {
			seal, open := profile.contexts(t)
			r := rand.New(rand.NewPCG(1, 2))
			for _, ssrc := range []uint32{1, 0x80000001, 0xffffffff} {
				sealed := map[uint64][]byte{}
				for index := uint64(r.Uint32N(0x3000)); index < 2<<16+300; index++ {
					step := index
					if near := index & 0xffff; near > 200 && near < 0xff00 {
						index += 97 // receivers accept gaps
						step = index
					} else if r.UintN(4) == 0 && index > 150 {
						step -= uint64(r.UintN(100))
					}
					payload := bytes.Repeat([]byte{byte(step), byte(step >> 8), 7}, int(step%400))
					header, body := plainPacket(ssrc, step%2 == 0, step%5 == 0, payload)
					binary.BigEndian.PutUint16(header[2:], uint16(step))
					want := append(bytes.Clone(header), body...)
					binary.BigEndian.PutUint16(header[2:], 0xdead) // encryptRTP writes it
					got, err := seal.encryptRTP(header, body, step)
					if err != nil {
						t.Fatal(err)
					}
					if before, ok := sealed[step]; ok && !bytes.Equal(before, got) {
						t.Fatalf("index %d encrypted again differs", step)
					}
					sealed[step] = bytes.Clone(got)
					plain, err := open.DecryptRTP(nil, got, nil)
					if err != nil || !bytes.Equal(plain, want) {
						t.Fatalf("SSRC %x, index %d: %d bytes decrypt to %d, %v, want %d", ssrc, step, len(got), len(plain), err, len(want))
					}
				}
			}
		})
	}
}

// A payload that had to be changed is already behind its header.
func TestSRTPEncrypter_EncryptsInPlace(t *testing.T) {
	for name, profile := range srtpProfiles {
		t.Run(name, func(t *testing.T) {
			one, _ := profile.contexts(t)
			other, _ := profile.contexts(t)
			header, body := plainPacket(5, true, false, []byte("a payload of some length"))
			want, err := one.encryptRTP(bytes.Clone(header), body, 9)
			if err != nil {
				t.Fatal(err)
			}
			inPlace := append(header, body...)
			got, err := other.encryptRTP(header, inPlace[len(header):], 9)
			if err != nil || !bytes.Equal(got, want) || &got[0] != &header[0] {
				t.Errorf("%x, %v, want %x in the same place", got, err, want)
			}
		})
	}
}

func TestSRTPEncrypter_RejectsAnExhaustedKey(t *testing.T) {
	for name, profile := range srtpProfiles {
		seal, _ := profile.contexts(t)
		header, body := plainPacket(5, false, false, []byte("x"))
		if _, err := seal.encryptRTP(header, body, maxPacketIndex+1); err == nil {
			t.Errorf("%s: an index of more than 48 bits was encrypted", name)
		}
	}
}

func TestSRTPEncrypter_AllocatesNothing(t *testing.T) {
	for name, profile := range srtpProfiles {
		seal, _ := profile.contexts(t)
		header, body := plainPacket(5, true, false, make([]byte, 1100))
		index := uint64(0)
		if n := testing.AllocsPerRun(100, func() {
			index++
			if _, err := seal.encryptRTP(header, body, index); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s: %.1f allocations per packet", name, n)
		}
	}
}

// FuzzSRTPEncrypter compares with pion/srtp, with the same rollover counter.
func FuzzSRTPEncrypter(f *testing.F) {
	f.Add(uint32(7), uint64(3), []byte("payload"), true)
	f.Add(uint32(0xffffffff), uint64(maxPacketIndex), []byte{}, false)
	f.Add(uint32(0), uint64(1<<16), make([]byte, 1200), true)
	f.Fuzz(func(t *testing.T, ssrc uint32, index uint64, payload []byte, extension bool) {
		if len(payload) > 1500 {
			return
		}
		index &= maxPacketIndex
		for name, profile := range srtpProfiles {
			seal, other := profile.contexts(t)
			other.SetROC(ssrc, uint32(index>>16))
			seal.context.SetROC(ssrc, uint32(index>>16))
			header, body := plainPacket(ssrc, extension, false, payload)
			binary.BigEndian.PutUint16(header[2:], uint16(index))
			want, err := other.EncryptRTP(nil, append(bytes.Clone(header), body...), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := seal.encryptRTP(header, body, index); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: SSRC %x, index %x: %x, %v, want %x", name, ssrc, index, got, err, want)
			}
		}
	})
}

// BenchmarkSRTPEncrypter measures the encryption of one packet of 1,200 bytes, and that of pion/srtp.
func BenchmarkSRTPEncrypter(b *testing.B) {
	profile := srtpProfiles["AES-GCM, 128 bits"]
	payload := make([]byte, 1160)
	buffer := make([]byte, 0, 2048)
	b.Run("encrypter", func(b *testing.B) {
		seal, _ := profile.contexts(b)
		header, _ := plainPacket(5, false, false, nil)
		index := uint64(0)
		for b.Loop() {
			index++
			if _, err := seal.encryptRTP(append(buffer, header...), payload, index); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("pion", func(b *testing.B) {
		seal, _ := profile.contexts(b)
		header, _ := plainPacket(5, false, false, nil)
		index := uint16(0)
		for b.Loop() {
			index++
			binary.BigEndian.PutUint16(header[2:], index)
			if _, err := seal.context.EncryptRTP(buffer, append(append(buffer, header...), payload...), &seal.header); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Packets are reordered, lost and requested again and again, while layers change and pause.
// Packets with the same number must be identical: under AES-GCM, two different ones would reveal
// the authentication key.
func TestSubscription_NeverEncryptsTwoPacketsUnderOneNumber(t *testing.T) {
	marked := strings.Replace(watchOffer, "a=rtpmap:111 opus/48000/2\n", "a=rtpmap:111 opus/48000/2\na=rtcp-fb:111 nack\na=extmap:3 "+sdp.ExtTransportCC+"\n", 1)
	bare := strings.Replace(strings.Replace(watchOffer, "a=rtpmap:107 rtx/90000\na=fmtp:107 apt=106\n", "", 1), "106 107\n", "106\n", 1)
	for name, offers := range map[string][2]string{
		"audio with transport-wide numbers": {repairedOffer, marked},
		"video without RTX":                 {singleOffer, bare},
	} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s, %d", name, seed), func(t *testing.T) {
				g := newTestBench(t, 1, Config{}, offers[0], offers[1])
				if again := g.playDisorder(rand.New(rand.NewPCG(seed, 5)), offers[0] == repairedOffer); again < 200 {
					t.Errorf("only %d packets were received twice: that proves little", again)
				}
			})
		}
	}
}

// playDisorder plays publisher and viewer for some seconds. It returns how many packets the viewer
// received again under their number.
func (g *testBench) playDisorder(r *rand.Rand, simulcast bool) (again int) {
	g.t.Helper()
	v := g.viewers[0]
	way := map[int][][]byte{} // by turn
	seen := map[uint64][]byte{}
	var newest [2]uint16 // by subscription: audio, video
	var last uint32      // SSRC of the audio
	g.onShard(func(s *shard) {
		v.sender.pacingBitrate, v.sender.lastAckedSent = 1<<36, 1
		last = v.subs[0].track.ssrc
		base := s.now
		for turn := range 1500 {
			s.now = base + time.Duration(turn)*5*time.Millisecond
			for kind, h := range []rtp.Header{
				{Version: 2, PayloadType: 111, SequenceNumber: uint16(turn), Timestamp: uint32(turn) * 240, SSRC: 77},
				{Version: 2, PayloadType: 106, SequenceNumber: uint16(65_000 + turn), Timestamp: uint32(turn/4) * 1800, SSRC: 78, Marker: turn%4 == 3},
			} {
				body := bytes.Repeat([]byte{0x41, byte(turn)}, 20+r.IntN(100))
				if turn%60 == 0 {
					body = append([]byte(idr), body...)
				}
				if kind == 1 && simulcast {
					_ = h.SetExtension(10, []byte([]string{"low", "hi"}[turn/400%2]))
					h.SSRC += uint32(turn / 400 % 2)
				}
				if due := turn + r.IntN(6); r.UintN(20) > 0 {
					way[due] = append(way[due], g.encrypt(&h, body))
				}
			}
			for _, packet := range way[turn] {
				g.publisher.transport.receive(s, packet)
			}
			delete(way, turn)
			if turn%3 == 0 {
				s.flushBursts()
			}
			if v.onPacingList {
				v.sendPaced(s)
			}
			if turn%10 > 0 {
				continue
			}
			again += g.compareReceived(seen, &newest, last)
			for kind, u := range v.subs {
				u.repairBudget, u.recentRepairs = byteBudget{}, nil
				for range 5 {
					u.receiveNACK(s, []rtcp.NackPair{{PacketID: newest[kind] - uint16(r.UintN(90)), LostPackets: rtcp.PacketBitmap(r.Uint32())}})
				}
				if turn%100 == 50 {
					u.target.Store(int32(r.IntN(len(u.track.layers)+1) - 1)) // or none
				}
				u.applyTarget(s)
			}
		}
	})
	return again + g.compareReceived(seen, &newest, last)
}

// compareReceived reads what the viewer received, and compares it with earlier packets of the same
// number.
func (g *testBench) compareReceived(seen map[uint64][]byte, newest *[2]uint16, sound uint32) (again int) {
	g.t.Helper()
	buffer := make([]byte, 2048)
	for {
		_ = g.viewerConns[0].SetReadDeadline(time.Now().Add(50 * time.Microsecond))
		n, err := g.viewerConns[0].Read(buffer)
		if err != nil {
			return again
		}
		if buffer[1] >= 192 && buffer[1] <= 223 {
			continue
		}
		number, ssrc := binary.BigEndian.Uint16(buffer[2:]), binary.BigEndian.Uint32(buffer[8:])
		before, ok := seen[uint64(ssrc)<<16|uint64(number)]
		if ok && !bytes.Equal(before, buffer[:n]) {
			g.t.Fatalf("number %d of %x has two packets:\n%x\n%x", number, ssrc, before, buffer[:n])
		}
		if ok {
			again++
			continue
		}
		seen[uint64(ssrc)<<16|uint64(number)] = bytes.Clone(buffer[:n])
		switch {
		case ssrc == sound:
			newest[0] = number
		case buffer[1]&0x7f == 106:
			newest[1] = number
		}
	}
}
