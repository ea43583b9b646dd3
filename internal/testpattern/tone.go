package testpattern

import (
	"embed"
	"fmt"
	"io"
	"time"

	"rostrum/internal/container"
)

//go:generate sh tones/make.sh

//go:embed tones/*.ogg
var tones embed.FS

const (
	pitches = 8
	// PacketTime is the duration of a packet of the tone.
	PacketTime   = 20 * time.Millisecond
	packetsASec  = int(time.Second / PacketTime)
	loopedSecond = 1 // of each recording: the encoder has settled, and it can be repeated
)

// A Tone is the audio of a participant's pattern: Opus, one of eight pitches, a beep in
// the first tenth of each second.
type Tone struct{ packets [][]byte }

// NewTone returns the tone with the pitch of an identity.
func NewTone(identity uint16) (*Tone, error) {
	name := fmt.Sprintf("tones/tone%d.ogg", identity%pitches)
	f, err := tones.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := container.NewOggReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t := &Tone{}
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		t.packets = append(t.packets, p.Data)
	}
	begin := loopedSecond * packetsASec
	if len(t.packets) < begin+packetsASec {
		return nil, fmt.Errorf("%s: only %d packets", name, len(t.packets))
	}
	t.packets = t.packets[begin : begin+packetsASec]
	return t, nil
}

// Packet is packet number n, each PacketTime after the one before.
func (t *Tone) Packet(n uint32) []byte { return t.packets[int(n)%packetsASec] }
