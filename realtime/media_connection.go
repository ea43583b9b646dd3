package realtime

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

// Network says which transports media may use.
type Network string

const (
	AnyNetwork Network = "any"
	UDPOnly    Network = "udp"
	TCPOnly    Network = "tcp"
)

// NACKs are repeated at this interval, within reorderWait: Pion does not notice that a
// packet came by RTX, and would repeat them for ever.
const (
	nackInterval = 40 * time.Millisecond
	maxNacks     = uint16(reorderWait / nackInterval)
)

// connectTimeout bounds ICE and DTLS after the answer.
const connectTimeout = 15 * time.Second

// deferTime is after how long the first deferred candidate is added; it doubles.
const deferTime = 15 * time.Millisecond

// A mediaConnection is one PeerConnection and the server's resource for it.
type mediaConnection struct {
	pc       *webrtc.PeerConnection
	network  Network
	endpoint Endpoint
	negotiation
	endState

	connected  chan struct{} // closed when media can flow
	restarting sync.Mutex    // held while ICE restarts, and guards answer from then on
	restarts   sync.WaitGroup
	readers    readers
}

// endState is the state of a connection's end.
type endState struct {
	ended   chan struct{} // closed when media can flow no longer
	once    sync.Once
	cause   error // why it ended; set before ended is closed
	closing sync.Once
	closed  error // the error of closing
	ending  error // why it ended, by the server's answer too; set once close has returned
}

// profiles are the supported codecs, the preferred first, with their payload types in
// offers. H.264 is offered in the usual profiles of files; the actual profile is in the
// parameter sets.
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
func capabilities(codec media.Codec) []webrtc.RTPCodecParameters {
	feedback := []webrtc.RTCPFeedback{{Type: "goog-remb"}, {Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	var all []webrtc.RTPCodecParameters
	for _, c := range profiles {
		if c.codec != codec {
			continue
		}
		p := webrtc.RTPCodecParameters{PayloadType: c.pt, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: mimeType(c.codec), ClockRate: c.codec.ClockRate(), SDPFmtpLine: c.fmtp,
		}}
		if c.codec.Kind() == media.Audio {
			p.Channels = 2 // always, by RFC 7587 §7
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

// newPeerConnection makes one with the supported codecs and extra audio codecs, loopback
// candidates and, in both directions, NACK with RTX, reports and transport-cc.
func newPeerConnection(network Network, extra ...webrtc.RTPCodecParameters) (*webrtc.PeerConnection, error) {
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
	for _, p := range extra {
		if err := engine.RegisterCodec(p, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, err
		}
	}
	if err := engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: sdp.AudioLevelURI}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	registry.Add(rtxNamer{}) // the first one is the last that a packet passes
	if err := webrtc.RegisterDefaultInterceptorsWithOptions(engine, registry, webrtc.WithNackGeneratorOptions(
		nack.GeneratorInterval(nackInterval), nack.GeneratorMaxNacksPerPacket(maxNacks))); err != nil {
		return nil, err
	}
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(engine, registry); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true) // a server on this machine may use loopback alone
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetRelayAcceptanceMinWait(0) // relays are tried later anyway
	settings.SetICETimeouts(iceDisconnected, iceFailed, iceKeepalive)
	settings.SetDTLSRetransmissionInterval(dtlsInterval)
	settings.LoggerFactory = discardLogger{}
	dialing, err := newTimeoutNet()
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

// dtlsInterval is when a lost flight of the DTLS handshake is first sent again; the time
// doubles. Pion's second lets one lost packet delay a join by more than all the rest takes.
const dtlsInterval = 100 * time.Millisecond

// After iceKeepalive without a packet a check is sent, so that the server learns a new
// address behind a NAT. The others are Pion's defaults.
const (
	iceKeepalive    = 500 * time.Millisecond
	iceDisconnected = 5 * time.Second
	iceFailed       = 25 * time.Second
)

// discardLogger discards Pion's log: callers get errors and statistics.
type discardLogger struct{}

func (discardLogger) NewLogger(scope string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope(scope, logging.LogLevelDisabled, io.Discard)
}

// newMediaConnection is one whose offer is yet to be sent. It owns pc: when one of its methods
// returns an error, pc is closed and the server's session ended.
func newMediaConnection(pc *webrtc.PeerConnection, network Network) *mediaConnection {
	c := &mediaConnection{pc: pc, network: network, connected: make(chan struct{}), endState: endState{ended: make(chan struct{})}}
	pc.OnConnectionStateChange(c.handleState)
	return c
}

// connect sends the offer to an endpoint and returns when media can flow.
func (c *mediaConnection) connect(ctx context.Context, endpoint Endpoint) error {
	if err := c.offer(ctx, endpoint); err != nil {
		return err
	}
	return c.establish(ctx)
}

// offer sends the offer to an endpoint and returns when it is answered.
func (c *mediaConnection) offer(ctx context.Context, endpoint Endpoint) error {
	c.endpoint = endpoint
	return c.orClose(c.sendOffer(ctx))
}

// establish applies the answer and returns when media can flow.
func (c *mediaConnection) establish(ctx context.Context) error {
	if err := c.applyAnswer(); err != nil {
		return c.orClose(err)
	}
	return c.orClose(c.awaitConnected(ctx))
}

// orClose closes the connection if there is an error, which it returns.
func (c *mediaConnection) orClose(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, c.close(err))
}

// awaitConnected returns when media can flow. Meanwhile it adds the deferred candidates
// and, if none of them is reachable, the server's TURN servers.
func (c *mediaConnection) awaitConnected(ctx context.Context) error {
	timeout := time.NewTimer(connectTimeout)
	defer timeout.Stop()
	wait := deferTime
	next := time.NewTimer(wait)
	defer next.Stop()
	var relayDue <-chan time.Time
	patient := false // with the handshake
	if after, ok := c.relayWait(); ok {
		relayDue = time.After(after)
	}
	for {
		select {
		case <-c.connected:
			return nil
		case <-relayDue:
			if state := c.pc.ICEConnectionState(); !patient && (state == webrtc.ICEConnectionStateConnected || state == webrtc.ICEConnectionStateCompleted) {
				patient, relayDue = true, time.After(handshakeAfter) // on a long path a restart takes longer than the rest of the handshake
				continue
			}
			c.deferred = nil               // a restart has all candidates
			restarted := c.restartICE(ctx) // an error shows in the state
			c.relayed = restarted == nil
		case <-c.ended:
			return fmt.Errorf("%w; %s", c.cause, c.describeCandidates())
		case <-timeout.C:
			return fmt.Errorf("media did not connect within %v: %s", connectTimeout, c.describeCandidates())
		case <-ctx.Done():
			return ctx.Err()
		case <-next.C:
			if len(c.deferred) == 0 {
				continue
			}
			if err := c.pc.AddICECandidate(c.deferred[0]); err != nil {
				return fmt.Errorf("add the server's candidate %s: %w", c.deferred[0].Candidate, err)
			}
			c.deferred = c.deferred[1:]
			wait *= 2
			next.Reset(wait)
		}
	}
}

func (c *mediaConnection) handleState(s webrtc.PeerConnectionState) {
	switch s {
	case webrtc.PeerConnectionStateConnected:
		select {
		case <-c.connected: // again, after an interruption
		default:
			close(c.connected)
		}
	case webrtc.PeerConnectionStateDisconnected:
		c.restarts.Go(c.restartUntilConnected)
	case webrtc.PeerConnectionStateFailed:
		c.end(ErrLost)
	case webrtc.PeerConnectionStateClosed:
		c.end(ErrEnded)
	}
}

func (c *mediaConnection) end(cause error) {
	c.once.Do(func() {
		c.cause = cause
		close(c.ended)
	})
}

// describeCandidates lists the candidates of both sides, for an error.
func (c *mediaConnection) describeCandidates() string {
	text := "the server's candidates were " + candidates(c.answer) + "; ours were " + candidates(c.pc.LocalDescription().SDP)
	if c.relayed {
		text += "; its TURN servers did not help either"
	}
	return text
}

// candidates lists the addresses in a description.
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

// close ends the session at the server and the connection, in any state. Another call
// waits for the first and returns the same error.
func (c *mediaConnection) close(cause error) error {
	c.end(cause)
	c.closing.Do(func() {
		if c.resource != nil {
			// Not the caller's context, which may have ended.
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			var reachable bool
			var code Code
			reachable, code, c.closed = c.resource.end(ctx)
			c.ending = endingOf(c.cause, reachable, code)
		}
		c.closed = errors.Join(c.closed, c.pc.Close())
		c.restarts.Wait()
		c.readers.close()
	})
	return c.closed
}

// roundTrip is the round trip time of the selected path; 0 before it was measured.
func (c *mediaConnection) roundTrip() time.Duration {
	for _, s := range c.pc.GetStats() {
		if pair, ok := s.(webrtc.ICECandidatePairStats); ok && pair.Nominated && pair.CurrentRoundTripTime > 0 {
			return time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
		}
	}
	return 0
}

// currentAnswer is the server's answer, with what restarts of ICE changed.
func (c *mediaConnection) currentAnswer() string {
	c.restarting.Lock()
	defer c.restarting.Unlock()
	return c.answer
}
