package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/peer"
	"rostrum/internal/testpattern"
)

// door is how the verbs of a participant reach their stage: by a token that says
// where, or by the URL of any server of this kind.
type door struct {
	Token   string       `env:"ROSTRUM_TOKEN" help:"Participant token; it says where to go, and who we are."`
	Bearer  string       `help:"Bearer token for the URL given." group:"Other servers"`
	Network peer.Network `enum:"any,udp,tcp" default:"any" help:"How media may travel: any (through TURN if nothing else works), udp or tcp."`

	Rejoin time.Duration `default:"1m" help:"How long to try to come back after the server or the network was gone; 0 ends at once."`
}

// publishVerb sends a file or a test pattern into a stage.
type publishVerb struct {
	door
	WHIP string `name:"whip" help:"Publish at this WHIP URL instead of where the token says." group:"Other servers" placeholder:"URL"`

	File    string `arg:"" optional:"" type:"existingfile" help:"What to send: MP4, Matroska, WebM, IVF, Ogg or raw H.264. Without it, a moving test pattern with a clock and a tone."`
	Loop    bool   `help:"Play the file again and again."`
	NoAudio bool   `help:"Send no sound."`
	NoVideo bool   `help:"Send no picture."`
	FPS     int    `help:"Pictures a second of the pattern, or of raw H.264 that doesn't say; 30 by default."`

	Size         string        `help:"Width and height of the pattern." placeholder:"1280x720" group:"Pattern"`
	VideoBitrate string        `help:"Bits a second of the pattern's best layer: 2500000, 2500k or 2.5M. 0 sends no more than needed." default:"1.7M" group:"Pattern"`
	Simulcast    bool          `help:"Send the pattern in layers: hi, mid and low. Those that nobody watches are left out, as the token's events socket tells." group:"Pattern"`
	Keyframe     time.Duration `help:"Time between keyframes of the pattern." default:"2s" group:"Pattern"`
	Name         string        `help:"Whose colours and pitch the pattern has; the participant's by default." group:"Pattern"`

	Duration time.Duration `help:"Stop after this time."`
}

// Run publishes until the file or the time ends, the server ends it, or we are
// told to stop.
func (v *publishVerb) Run(told context.Context, out *output) error {
	at, name, err := v.endpoint()
	if err != nil {
		return err
	}
	source, err := v.source(cmp.Or(v.Name, name))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(told)
	defer cancel()
	if v.Duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, v.Duration)
		defer cancel()
	}
	sent := &sending{verb: v, out: out, source: source, over: make(chan struct{})}
	err = v.rejoin(ctx, sent.interrupted, func(ctx context.Context) (peer.Ending, error) {
		began := time.Now()
		pub, err := peer.Publish(ctx, at, v.Network, source.Outlets()...)
		if err != nil {
			return "", err
		}
		v.say(out, published{Event: "published", ParticipantID: name, URL: at.URL, Elapsed: millis(time.Since(began))})
		err = sent.through(ctx, pub)
		err = errors.Join(err, pub.Close())
		return pub.Ending(), err
	})
	cancel()
	sent.heeding.Wait()
	if sent.started {
		<-sent.over
	}
	if told.Err() != nil {
		return nil
	}
	return denial(err)
}

// endpoint is where to publish, and who we are there.
func (v *publishVerb) endpoint() (peer.Endpoint, string, error) {
	if v.WHIP != "" {
		return peer.Endpoint{URL: v.WHIP, Bearer: cmp.Or(v.Bearer, v.Token)}, v.WHIP, nil
	}
	token, err := v.read()
	if err != nil {
		return peer.Endpoint{}, "", err
	}
	if !token.Publish {
		return peer.Endpoint{}, "", denied{errors.New("the token doesn't allow to publish")}
	}
	at, err := token.PublishAt()
	return at, token.ParticipantID, err
}

// read reads the token, and refuses one that can't be good any longer.
func (d *door) read() (peer.Token, error) {
	if d.Token == "" {
		return peer.Token{}, misuse(errors.New("say --token, or set ROSTRUM_TOKEN"))
	}
	t, err := peer.ReadToken(d.Token)
	if err != nil {
		return t, misuse(err)
	}
	if !t.ExpiresAt.IsZero() && time.Now().After(t.ExpiresAt) {
		return t, denied{fmt.Errorf("the token expired at %s", t.ExpiresAt.Format(time.RFC3339))}
	}
	return t, nil
}

func (v *publishVerb) source(name string) (peer.Source, error) {
	if v.File != "" {
		return peer.NewFileSource(v.File, container.Options{NoAudio: v.NoAudio, NoVideo: v.NoVideo, FPS: float64(v.FPS)}, v.Loop)
	}
	c := peer.PatternConfig{
		Simulcast: v.Simulcast, NoAudio: v.NoAudio, NoVideo: v.NoVideo,
		Video: testpattern.VideoConfig{FPS: v.FPS, Keyframe: v.Keyframe, Identity: testpattern.IdentityOf(name)},
	}
	var err error
	if v.Size != "" {
		if c.Video.Width, c.Video.Height, err = parseSize(v.Size); err != nil {
			return nil, misuse(fmt.Errorf("--size: %w", err))
		}
	}
	if c.Video.Bitrate, err = parseBitrate(v.VideoBitrate); err != nil {
		return nil, misuse(fmt.Errorf("--video-bitrate: %w", err))
	}
	source, err := peer.NewPatternSource(c)
	if err != nil {
		return nil, misuse(err)
	}
	return source, nil
}

// parseSize reads a picture's width and height.
func parseSize(s string) (width, height int, err error) {
	wide, high, _ := strings.Cut(s, "x")
	width, err = strconv.Atoi(wide)
	if err == nil {
		height, err = strconv.Atoi(high)
	}
	if err != nil || width <= 0 || height <= 0 {
		return 0, 0, fmt.Errorf("%q is no size: want it like 1280x720", s)
	}
	return width, height, nil
}

// parseBitrate reads bits a second, with k or M for thousands or millions.
func parseBitrate(s string) (int, error) {
	digits, unit := s, 1.0
	switch {
	case strings.HasSuffix(s, "k"), strings.HasSuffix(s, "K"):
		digits, unit = s[:len(s)-1], 1e3
	case strings.HasSuffix(s, "M"):
		digits, unit = s[:len(s)-1], 1e6
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0 && n*unit <= 1e9) {
		return 0, fmt.Errorf("%q is no bit rate: want it like 2500k or 2.5M", s)
	}
	return int(n * unit), nil
}

// sending is the source at work, which goes on while its publication is interrupted.
type sending struct {
	verb    *publishVerb
	out     *output
	source  peer.Source
	started bool
	heeding sync.WaitGroup
	bytes   uint64        // that had left when it was last told
	over    chan struct{} // closed when the source has ended
	err     error         // how; set before over is closed
}

// through tells each second what left through a publication, until that or the source ends.
// The source starts with the first.
func (s *sending) through(ctx context.Context, pub *peer.Publication) error {
	if !s.started {
		s.started = true
		s.heed(ctx)
		go func() {
			defer close(s.over)
			s.err = s.source.Run(ctx)
		}()
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.over:
			return s.err
		case <-pub.Done():
			return fmt.Errorf("publishing ended: %w", pub.Err())
		case <-tick.C:
			now := published{Event: "statistics"}
			for _, o := range s.source.Outlets() {
				packets, bytes := o.Sent()
				now.Packets, now.Bytes = now.Packets+packets, now.Bytes+bytes
			}
			now.Bitrate, s.bytes = 8*(now.Bytes-s.bytes), now.Bytes
			s.verb.say(s.out, now)
		}
	}
}

// heed leaves out the layers that nobody watches, until ctx ends. Without an events socket,
// as of other servers, all are sent.
func (s *sending) heed(ctx context.Context) {
	if !s.verb.Simulcast || s.verb.WHIP != "" {
		return
	}
	token, err := s.verb.read()
	if err != nil {
		return
	}
	if events, err := peer.NewEvents(token, nil); err == nil {
		s.heeding.Go(func() { _ = peer.Heed(ctx, events, s.source.Outlets()...) }) // media end for the same reasons
	}
}

func (s *sending) interrupted(err error) {
	s.verb.say(s.out, published{Event: "interrupted", Error: err.Error()})
}

// published is what the verb tells: that it began, and then each second.
type published struct {
	Event         string  `json:"event"`
	ParticipantID string  `json:"participantId,omitempty"`
	URL           string  `json:"url,omitempty"`
	Elapsed       float64 `json:"elapsedMs,omitempty"` // from the beginning to media flowing
	Packets       uint64  `json:"packets,omitempty"`
	Bytes         uint64  `json:"bytes,omitempty"`
	Bitrate       uint64  `json:"bitrate,omitempty"`
	Error         string  `json:"error,omitempty"`
}

func (v *publishVerb) say(out *output, p published) {
	// A terminal that went away is no reason to stop publishing.
	_ = out.say(p, func(w io.Writer) {
		switch p.Event {
		case "published":
			fmt.Fprintf(w, "publishing as %s (connected in %.0f ms); Ctrl-C stops\n", p.ParticipantID, p.Elapsed)
		case "interrupted":
			fmt.Fprintf(w, "%s; coming back\n", p.Error)
		default:
			fmt.Fprintf(w, "sending %s, %d packets so far\n", bitrate(float64(p.Bitrate)), p.Packets)
		}
	})
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func bitrate(bits float64) string {
	if bits >= 1e6 {
		return fmt.Sprintf("%.2f Mbit/s", bits/1e6)
	}
	return fmt.Sprintf("%.0f kbit/s", bits/1e3)
}

// denied marks an error that another token would cure: the exit code becomes 3.
type denied struct{ error }

func (d denied) Unwrap() error { return d.error }

// denial marks err as denied if the server refused the token.
func denial(err error) error {
	if p, ok := errors.AsType[*peer.Problem](err); ok && p.Denied() {
		return denied{err}
	}
	return err
}
