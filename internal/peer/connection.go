package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"rostrum/internal/media"
)

// Network is how the media may travel.
type Network string

const (
	AnyNetwork Network = "any"
	UDPOnly    Network = "udp"
	TCPOnly    Network = "tcp"
)

// What is missing is asked for at this interval while reorderWait runs, and no longer: Pion
// doesn't learn that a packet came by RTX, and would go on asking for it.
const (
	nackEvery = 40 * time.Millisecond
	nackMost  = uint16(reorderWait / nackEvery)
)

// connectTime is how long ICE and DTLS may take after the answer.
const connectTime = 15 * time.Second

// connection is one PeerConnection and the server's resource for it.
type connection struct {
	pc       *webrtc.PeerConnection
	network  Network
	at       Endpoint
	resource *resource
	offered  time.Time     // when the offer was sent, and
	exchange time.Duration // how long its answer took
	answer   string
	held     []webrtc.ICECandidateInit // candidates of the answer, not handed to Pion yet
	relayed  bool                      // TURN was tried before media could flow

	restarting sync.Mutex // held while ICE restarts, and guards answer from then on
	repairs    sync.WaitGroup

	connected chan struct{} // closed when media can flow
	ended     chan struct{} // closed when it no longer can
	once      sync.Once
	cause     error // why it ended; set before ended is closed
	closing   sync.Once
	closed    error  // what closing came to, and
	ending    Ending // whose doing the end was; set once close has returned
}

// profiles are the codecs we speak, the preferred first, with their numbers in our offers.
// H.264 is offered in the profiles that files have; the picture's true profile
// stands in its parameter sets.
var profiles = []struct {
	codec media.Codec
	fmtp  string
	pt    webrtc.PayloadType
}{
	{media.Opus, "minptime=10;useinbandfec=1", 111},
	{media.H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 102},
	{media.H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", 104},
	{media.H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f", 106},
	{media.H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f", 108},
	{media.VP8, "", 96},
	{media.VP9, "profile-id=0", 98},
	{media.AV1, "", 100},
}

func mimeType(c media.Codec) string { return c.Kind().String() + "/" + c.String() }

// capabilities are a codec's entries in the offer, with the RTX entry of each.
func capabilities(wanted media.Codec) []webrtc.RTPCodecParameters {
	feedback := []webrtc.RTCPFeedback{{Type: "goog-remb"}, {Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	var all []webrtc.RTPCodecParameters
	for _, c := range profiles {
		if c.codec != wanted {
			continue
		}
		p := webrtc.RTPCodecParameters{PayloadType: c.pt, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: mimeType(c.codec), ClockRate: c.codec.ClockRate(), SDPFmtpLine: c.fmtp,
		}}
		if c.codec.Kind() == media.Audio {
			p.Channels = 2 // RFC 7587 §7: always said, whatever is sent
			p.RTCPFeedback = []webrtc.RTCPFeedback{{Type: "nack"}}
			all = append(all, p)
			continue
		}
		p.RTCPFeedback = feedback
		all = append(all, p, webrtc.RTPCodecParameters{PayloadType: c.pt + 1, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", c.pt),
		}})
	}
	return all
}

// newPeerConnection makes one with our codecs and further ones of sound, loopback
// candidates and, in both directions, NACK with RTX, reports and transport-cc.
func newPeerConnection(network Network, further ...webrtc.RTPCodecParameters) (*webrtc.PeerConnection, error) {
	engine := &webrtc.MediaEngine{}
	for _, c := range []media.Codec{media.Opus, media.H264, media.VP8, media.VP9, media.AV1} {
		kind := webrtc.RTPCodecTypeVideo
		if c.Kind() == media.Audio {
			kind = webrtc.RTPCodecTypeAudio
		}
		for _, p := range capabilities(c) {
			if err := engine.RegisterCodec(p, kind); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range further {
		if err := engine.RegisterCodec(p, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, err
		}
	}
	if err := engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.AudioLevelURI}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	registry.Add(repairNamer{}) // first, and so the last that a packet passes
	if err := webrtc.RegisterDefaultInterceptorsWithOptions(engine, registry, webrtc.WithNackGeneratorOptions(
		nack.GeneratorInterval(nackEvery), nack.GeneratorMaxNacksPerPacket(nackMost))); err != nil {
		return nil, err
	}
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(engine, registry); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true) // a stage on this machine may listen on loopback alone
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetRelayAcceptanceMinWait(0) // relays are tried late enough already
	settings.SetICETimeouts(iceDisconnected, iceFailed, iceKeepalive)
	settings.LoggerFactory = quiet{}
	dialing, err := newImpatientNet()
	if err != nil {
		return nil, err
	}
	settings.SetNet(dialing)
	switch network {
	case UDPOnly:
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	case TCPOnly:
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	default:
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	return api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
}

// When nothing came for iceKeepalive the server is asked whether it still hears us: where a NAT
// has moved us, that is how it learns. The others are Pion's own.
const (
	iceKeepalive    = 500 * time.Millisecond
	iceDisconnected = 5 * time.Second
	iceFailed       = 25 * time.Second
)

// quiet keeps Pion's own warnings off the terminal: what matters reaches the
// caller as an error or a figure.
type quiet struct{}

func (quiet) NewLogger(scope string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope(scope, logging.LogLevelDisabled, io.Discard)
}

// connect offers what pc was prepared with to an endpoint, and returns when media
// can flow. It owns pc: on error pc is closed and the server's session ended.
func connect(ctx context.Context, pc *webrtc.PeerConnection, at Endpoint, network Network) (*connection, error) {
	c := &connection{pc: pc, at: at, network: network, connected: make(chan struct{}), ended: make(chan struct{})}
	pc.OnConnectionStateChange(c.changed)
	if err := c.negotiate(ctx); err != nil {
		return nil, errors.Join(err, c.close(err))
	}
	if err := c.await(ctx); err != nil {
		return nil, errors.Join(err, c.close(err))
	}
	return c, nil
}

// await returns when media can flow. Meanwhile it hands Pion the candidates that
// were held back and, when none of them seems to be within reach, the server's TURN.
func (c *connection) await(ctx context.Context) error {
	timeout := time.NewTimer(connectTime)
	defer timeout.Stop()
	const soon = 15 * time.Millisecond
	wait := soon
	next := time.NewTimer(wait)
	defer next.Stop()
	var unreached <-chan time.Time
	if after, ok := c.relayWait(); ok {
		unreached = time.After(after)
	}
	for {
		select {
		case <-c.connected:
			return nil
		case <-unreached:
			c.held = nil                   // a restart has them all
			restarted := c.RestartICE(ctx) // whether it helps is told by what follows
			c.relayed = restarted == nil
		case <-c.ended:
			return fmt.Errorf("%w; %s", c.cause, c.tried())
		case <-timeout.C:
			return fmt.Errorf("media did not connect within %v: %s", connectTime, c.tried())
		case <-ctx.Done():
			return ctx.Err()
		case <-next.C:
			if len(c.held) == 0 {
				continue
			}
			if err := c.pc.AddICECandidate(c.held[0]); err != nil {
				return fmt.Errorf("understand the server's candidate %s: %w", c.held[0].Candidate, err)
			}
			c.held = c.held[1:]
			wait *= 2
			next.Reset(wait)
		}
	}
}

// holdBack takes candidates out of an answer, to be added a little later: all of
// TCP, which are the worse, or if there are none all but the first. Pion chooses a
// pair 200 ms after the first checks if nothing new comes, and at once if something
// does; against a server that only answers checks (RFC 8445 §2.5) that is the
// greater part of the time to the first picture.
func holdBack(answer string) (kept string, held []webrtc.ICECandidateInit) {
	var lines []string
	seen := map[string]bool{}
	tcp := strings.Contains(strings.ToLower(answer), " tcp ") && strings.Contains(strings.ToLower(answer), " udp ")
	first := ""
	for line := range strings.Lines(answer) {
		candidate, is := strings.CutPrefix(strings.TrimSpace(line), "a=")
		f := strings.Fields(candidate)
		if !is || len(f) < 6 || !strings.HasPrefix(candidate, "candidate:") {
			lines = append(lines, line)
			continue
		}
		if first == "" {
			first = candidate
		}
		if tcp && !strings.EqualFold(f[2], "tcp") || !tcp && candidate == first {
			lines = append(lines, line)
		} else if !seen[candidate] {
			seen[candidate] = true
			held = append(held, webrtc.ICECandidateInit{Candidate: candidate, SDPMLineIndex: new(uint16)})
		}
	}
	return strings.Join(lines, ""), held
}

func (c *connection) negotiate(ctx context.Context) error {
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("make offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("make offer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return ctx.Err()
	}
	c.offered = time.Now()
	answer, res, err := c.at.post(ctx, c.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	c.resource, c.answer, c.exchange = res, answer, time.Since(c.offered)
	answer, c.held = holdBack(answer)
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("understand answer: %w", err)
	}
	return nil
}

func (c *connection) changed(s webrtc.PeerConnectionState) {
	switch s {
	case webrtc.PeerConnectionStateConnected:
		select {
		case <-c.connected: // again, after an interruption
		default:
			close(c.connected)
		}
	case webrtc.PeerConnectionStateDisconnected:
		c.repairs.Go(c.repair)
	case webrtc.PeerConnectionStateFailed:
		c.end(errSilent)
	case webrtc.PeerConnectionStateClosed:
		c.end(errors.New("the server ended the media connection"))
	}
}

func (c *connection) end(cause error) {
	c.once.Do(func() {
		c.cause = cause
		close(c.ended)
	})
}

// tried says where the server was looked for, and where we were to be found.
func (c *connection) tried() string {
	said := "the server's candidates were " + candidates(c.answer) + "; ours were " + candidates(c.pc.LocalDescription().SDP)
	if c.relayed {
		said += "; its TURN servers did not help either"
	}
	return said
}

// candidates names the addresses in a description, for the operator.
func candidates(description string) string {
	seen := map[string]bool{}
	var list []string
	for line := range strings.Lines(description) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(f[0], "a=candidate:") {
			continue
		}
		if s := strings.ToLower(f[2]) + " " + f[4] + ":" + f[5]; !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, ", ")
}

// close ends the server's session and ours, whatever state they are in. Another
// call waits for the first and returns the same.
func (c *connection) close(cause error) error {
	c.end(cause)
	c.closing.Do(func() {
		if c.resource != nil {
			// Its own time: the session is to end also when the caller's context has.
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			var there bool
			var code string
			there, code, c.closed = c.resource.end(ctx)
			c.ending = endingOf(c.cause, there, code)
		}
		c.closed = errors.Join(c.closed, c.pc.Close())
		c.repairs.Wait()
	})
	return c.closed
}

// errClosed is the cause of an end that we wanted ourselves, errSilent of one that the
// network or a crash brought.
var (
	errClosed = errors.New("closed")
	errSilent = errors.New("media connection failed: nothing came from the server any longer")
)

// Done is closed when media can no longer flow; Err then says why.
func (c *connection) Done() <-chan struct{} { return c.ended }

// Err is nil until Done is closed.
func (c *connection) Err() error {
	select {
	case <-c.ended:
		return c.cause
	default:
		return nil
	}
}

// ICEServers are the STUN and TURN servers that the server recommended.
func (c *connection) ICEServers() []ICEServer { return c.resource.iceServers }
