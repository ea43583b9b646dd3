package sfu_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	housemedia "rostrum/internal/media"
	"rostrum/internal/sfu"
)

// relayOnly is the configuration of a browser behind a firewall that lets only the URLs with
// a text in them through.
func relayOnly(e *sfu.Engine, text string) webrtc.Configuration {
	c := webrtc.Configuration{ICETransportPolicy: webrtc.ICETransportPolicyRelay}
	for _, r := range e.TURNServers("ann", time.Minute) {
		if strings.Contains(r.URL, text) {
			c.ICEServers = append(c.ICEServers, webrtc.ICEServer{URLs: []string{r.URL}, Username: r.Username, Credential: r.Credential})
		}
	}
	return c
}

func TestTURN_CarriesMedia(t *testing.T) {
	for protocol, url := range map[string]string{"turn-udp": "=udp", "turn-tcp": "=tcp"} {
		t.Run(protocol, func(t *testing.T) {
			e := listen(t, nil)
			ctx := within(t, 30*time.Second)
			told := newEvents()
			router := e.NewRouter(sfu.RouterConfig{})
			speaker := newPeerWith(t, relayOnly(e, url), nil).publish(webrtc.MimeTypeH264)
			offer := speaker.offer()
			if !strings.Contains(offer, "typ relay") || strings.Contains(offer, "typ host") {
				t.Fatalf("the offer has candidates that are not relayed:\n%s", offer)
			}
			p, answer, err := router.Publish(offer, sfu.PublishConfig{Participant: "alice", Codecs: []housemedia.Codec{housemedia.H264}, Notify: told.notify})
			if err != nil {
				t.Fatal(err)
			}
			speaker.accept(answer)
			go speaker.play(ctx, 50)
			told.await(t, ctx, "publishing", is[sfu.MediaStarted])

			listener := newPeerWith(t, relayOnly(e, url), nil).subscribe()
			sub, answer, err := router.NewViewer("bob").Subscribe(p, listener.offer(), sfu.SubscribeConfig{})
			if err != nil {
				t.Fatal(err)
			}
			listener.accept(answer)
			video := listener.track(ctx, webrtc.RTPCodecTypeVideo)
			first := read(t, video).SequenceNumber
			for i := range uint16(200) {
				if n := read(t, video).SequenceNumber; n != first+i+1 {
					t.Fatalf("packet %d was received, want %d", n, first+i+1)
				}
			}
			for who, got := range map[string]string{"publisher": p.Stats().Transport.Protocol, "subscriber": sub.Stats().Transport.Protocol} {
				if got != protocol {
					t.Errorf("the %s is connected by %q, want %q", who, got, protocol)
				}
			}
		})
	}
}
