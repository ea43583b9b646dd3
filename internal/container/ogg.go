package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"rostrum/internal/media"
)

// An oggReader reads Opus in Ogg (RFC 3533, RFC 7845).
type oggReader struct {
	io.Closer
	in     io.Reader
	track  Track
	serial uint32
	queue  [][]byte // complete packets
	part   []byte   // of a packet that continues on the next page
	elapse time.Duration
}

// NewOggReader reads Opus in Ogg from memory or a stream; its Close does nothing.
func NewOggReader(in io.Reader) (Reader, error) { return newOggReader(in, io.NopCloser(nil)) }

func newOggReader(in io.Reader, c io.Closer) (*oggReader, error) {
	r := &oggReader{Closer: c, in: in}
	head, err := r.packet()
	if err != nil {
		return nil, fmt.Errorf("read Ogg: %w", err)
	}
	var id opus.IDHeader
	if err := id.Unmarshal(head); err != nil {
		name := strings.TrimFunc(string(head[:min(len(head), 8)]), func(r rune) bool { return r <= ' ' || r >= 0x7f })
		return nil, &Unsupported{problems: []problem{{what: fmt.Sprintf("its first stream is %q, and the sound of stages is Opus", name), audio: true}}}
	}
	r.track = Track{Codec: media.Opus, Channels: int(id.ChannelCount)}
	if _, err := r.packet(); err != nil { // OpusTags
		return nil, fmt.Errorf("read Ogg: %w", err)
	}
	return r, nil
}

func (r *oggReader) Tracks() []Track { return []Track{r.track} }

func (r *oggReader) Next() (Frame, error) {
	data, err := r.packet()
	if err != nil {
		return Frame{}, err
	}
	f := Frame{Time: r.elapse, Duration: OpusDuration(data), Keyframe: true, Data: data}
	r.elapse += f.Duration
	return f, nil
}

// OpusDuration is the duration of a packet of Opus (RFC 6716 §3.1); 0 where it is none.
func OpusDuration(packet []byte) time.Duration {
	if len(packet) == 0 {
		return 0
	}
	return time.Duration(opus.PacketDuration2(packet)) * time.Second / 48000
}

// packet returns the next packet of the first stream. Empty ones are skipped.
func (r *oggReader) packet() ([]byte, error) {
	for {
		if len(r.queue) > 0 {
			p := r.queue[0]
			r.queue = r.queue[1:]
			if len(p) > 0 {
				return p, nil
			}
			continue
		}
		if err := r.page(); err != nil {
			return nil, endOfFile(err)
		}
	}
}

// page reads one page (RFC 3533 §6) into the queue. It skips pages of other streams.
func (r *oggReader) page() error {
	var h [27]byte
	if _, err := io.ReadFull(r.in, h[:]); err != nil {
		return err
	}
	if string(h[:4]) != "OggS" {
		return errors.New("a page does not begin with OggS")
	}
	lengths := make([]byte, h[26])
	if _, err := io.ReadFull(r.in, lengths); err != nil {
		return err
	}
	size := 0
	for _, n := range lengths {
		size += int(n)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r.in, body); err != nil {
		return err
	}
	serial := binary.LittleEndian.Uint32(h[14:])
	if r.serial == 0 && h[5]&2 != 0 {
		r.serial = serial
	}
	if serial != r.serial {
		return nil
	}
	if h[5]&1 == 0 {
		r.part = nil // the packet before does not continue
	}
	for _, n := range lengths {
		r.part = append(r.part, body[:n]...)
		body = body[n:]
		if n < 255 {
			r.queue = append(r.queue, r.part)
			r.part = nil
		}
	}
	if len(r.part) > frameBytes {
		return errors.New("a packet has no end")
	}
	return nil
}

// An oggWriter writes one packet a page, which costs 2 % and needs no buffer.
type oggWriter struct {
	f        *os.File
	sequence uint32
	samples  uint64
	last     []byte // the packet that is not written yet, since the last page is marked
}

const oggSerial = 1

func newOggWriter(f *os.File, tracks []Track) (Writer, error) {
	head, err := opusHead(tracks[0].Channels)
	if err != nil {
		return nil, err
	}
	w := &oggWriter{f: f}
	if err := w.page(2, 0, head); err != nil {
		return nil, err
	}
	tags := append([]byte("OpusTags\x07\x00\x00\x00rostrum"), 0, 0, 0, 0)
	return w, w.page(0, 0, tags)
}

// opusHead is the identification header (RFC 7845 §5.1) of Opus from RTP, which has no
// pre-skip.
func opusHead(channels int) ([]byte, error) {
	if channels == 0 {
		channels = 2
	}
	return opus.IDHeader{Version: 1, ChannelCount: uint8(channels), InputSampleRate: 48000}.Marshal()
}

func (w *oggWriter) Write(f Frame) error {
	// Packets that were lost or not sent leave a gap in the times.
	at := uint64(f.Time * 48 / 1_000_000)
	if err := w.flush(0); err != nil {
		return err
	}
	w.samples = max(w.samples, at)
	w.last = f.Data
	return nil
}

func (w *oggWriter) flush(flags byte) error {
	if w.last == nil {
		return nil
	}
	w.samples += uint64(OpusDuration(w.last) * 48 / 1_000_000)
	err := w.page(flags, w.samples, w.last)
	w.last = nil
	return err
}

func (w *oggWriter) page(flags byte, granule uint64, packet []byte) error {
	if len(packet) >= 255*255 {
		return fmt.Errorf("an Opus packet of %d bytes", len(packet))
	}
	h := append(make([]byte, 0, 64+len(packet)), "OggS"...)
	h = append(h, 0, flags)
	h = binary.LittleEndian.AppendUint64(h, granule)
	h = binary.LittleEndian.AppendUint32(h, oggSerial)
	h = binary.LittleEndian.AppendUint32(h, w.sequence)
	h = append(h, 0, 0, 0, 0, byte(len(packet)/255+1))
	for range len(packet) / 255 {
		h = append(h, 255)
	}
	h = append(append(h, byte(len(packet)%255)), packet...)
	binary.LittleEndian.PutUint32(h[22:], oggChecksum(h))
	w.sequence++
	_, err := w.f.Write(h)
	return err
}

// oggChecksum is CRC-32 with polynomial 0x04C11DB7, most significant bit first, without
// initial and final value (RFC 3533 §6).
func oggChecksum(b []byte) uint32 {
	crc := uint32(0)
	for _, v := range b {
		crc ^= uint32(v) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04C11DB7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

func (w *oggWriter) Close() error {
	return errors.Join(w.flush(4), w.f.Close())
}
