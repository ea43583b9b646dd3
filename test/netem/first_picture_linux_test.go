package netem

import (
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"rostrum/realtime"
)

// clickLimit is how long a click may take; mediaLimit is how long after the DTLS handshake
// the first picture may come. Chromium takes 20 to 100 ms on a quiet machine; it nominates a
// candidate pair 2.5 s after its first checks where the round trip time is 250 ms.
const (
	clickLimit = 9 * time.Second
	mediaLimit = 1500 * time.Millisecond
)

// A click is a request to watch or publish, and its times in milliseconds.
type click struct {
	URL     string `json:"url"`
	Token   string `json:"token"`
	Publish bool   `json:"publish"`
	Codec   string `json:"codec,omitempty"` // the only one of the video that is offered; "" for all
	Limit   int    `json:"limit"`
}

type clickTimes struct {
	Answer, ICE, DTLS, First int
	Secured                  string // the version of DTLS, SRTP's cipher, and the browser's role in DTLS
	Fault                    string
}

// A clicker is a Chromium at the far end of the path, on a loaded page.
type clicker struct {
	testbed *testbed
	stdin   io.Writer
	times   chan clickTimes
}

func (w *testbed) newClicker(flags ...string) *clicker {
	w.Helper()
	c := &clicker{testbed: w, times: make(chan clickTimes, 1)}
	cmd := w.in(w.viewer, "node", append([]string{"../e2e/first-picture.mjs", origin}, flags...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		w.Fatal(err)
	}
	c.stdin = in
	w.lines(cmd, func(line []byte) {
		var t clickTimes
		if err := json.Unmarshal(line, &t); err != nil {
			t.Fault = string(line)
		}
		c.times <- t
	})
	w.Cleanup(func() { // it closes Chromium
		in.Close()
		time.Sleep(500 * time.Millisecond)
	})
	return c
}

// click watches the publisher, or publishes.
func (c *clicker) click(publish bool) clickTimes {
	c.testbed.Helper()
	c.order(click{Publish: publish, Limit: int(clickLimit.Milliseconds())})
	return c.answer()
}

// order begins to watch the publisher, or to publish.
func (c *clicker) order(as click) {
	w := c.testbed
	w.Helper()
	raw := w.token("clicker")
	token, err := realtime.ReadToken(raw)
	if err != nil {
		w.Fatal(err)
	}
	at, err := token.SubscribeAt(w.publisher)
	if as.Publish {
		at, err = token.PublishAt()
	}
	if err != nil {
		w.Fatal(err)
	}
	as.URL, as.Token = at.URL, raw
	if err := json.NewEncoder(c.stdin).Encode(as); err != nil {
		w.Fatal(err)
	}
}

func (c *clicker) answer() clickTimes {
	w := c.testbed
	w.Helper()
	select {
	case t := <-c.times:
		if t.Fault != "" {
			w.Fatal(t.Fault)
		}
		return t
	case <-w.ctx.Done():
		w.Fatal("Chromium does not answer")
		return clickTimes{}
	}
}

// Media waits for the DTLS handshake and for nothing else: with round trips of more than
// 100 ms, Chromium nominates a candidate pair seconds later.
func TestNetwork_TheFirstPictureComesWithTheKeys(t *testing.T) {
	needBrowsers(t)
	w := newEmptyTestbed(t, 5*time.Minute)
	w.publishes()
	c := w.newClicker()
	c.click(false) // the first decoder of a browser takes long
	// DTLS 1.3 saves a round trip to a publisher as DTLS client, and to a viewer as DTLS server.
	roles := map[bool]string{true: "FEFC SRTP_AEAD_AES_128_GCM client", false: "FEFC SRTP_AEAD_AES_128_GCM server"}
	for _, roundTrip := range []time.Duration{20, 100, 160, 250} {
		w.path.set(conditions{delay: roundTrip * time.Millisecond / 2})
		for what, publish := range map[string]bool{"first picture": false, "first feedback to a publisher": true} {
			var firsts []int
			for range 4 {
				times := c.click(publish)
				firsts = append(firsts, times.First)
				if times.Secured != roles[publish] {
					t.Errorf("%d ms: %s: the connection is %s, want %s", roundTrip, what, times.Secured, roles[publish])
				}
				t.Logf("%d ms: %s: answer %d, ICE %d, DTLS %d, first %d ms", roundTrip, what, times.Answer, times.ICE, times.DTLS, times.First)
				if late := time.Duration(times.First-times.DTLS) * time.Millisecond; times.First < 0 || times.DTLS < 0 || late > mediaLimit {
					t.Errorf("%d ms: the %s came %v after the DTLS handshake, want at most %v", roundTrip, what, late, mediaLimit)
				}
			}
			slices.Sort(firsts)
			t.Logf("%d ms: %s: median %d ms, worst %d ms", roundTrip, what, (firsts[1]+firsts[2])/2, firsts[3])
		}
	}
	w.checkDTLSInChecks(250 * time.Millisecond)
}

// checkDTLSInChecks clicks in a Chromium that embeds DTLS in its checks. It has the keys a
// round trip after the answer, and a check later because its ClientHello does not fit into
// one. Plain DTLS takes another round trip.
func (w *testbed) checkDTLSInChecks(roundTrip time.Duration) {
	w.Helper()
	w.path.set(conditions{delay: roundTrip / 2})
	c := w.newClicker("--force-fieldtrials=WebRTC-IceHandshakeDtls/Enabled/")
	best, limit := clickLimit, roundTrip*19/10
	for try := 0; try < 8 && best > limit; try++ { // a busy machine delays some
		times := c.click(false)
		w.Logf("%v, DTLS in checks: answer %d, ICE %d, DTLS %d, first %d ms", roundTrip, times.Answer, times.ICE, times.DTLS, times.First)
		if times.First < 0 || times.DTLS < 0 {
			w.Fatal("no picture came")
		}
		if want := "FEFC SRTP_AEAD_AES_128_GCM client"; times.Secured != want {
			w.Errorf("the connection is %s, want %s", times.Secured, want)
		}
		best = min(best, time.Duration(times.DTLS-times.Answer)*time.Millisecond)
	}
	if best > limit {
		w.Errorf("ICE and DTLS took %v at best, want at most %v", best, limit)
	}
}

func TestNetwork_AGoViewerSeesItsFirstPictureOnLongPaths(t *testing.T) {
	w := newTestbed(t)
	for _, roundTrip := range []time.Duration{160, 250} {
		w.path.set(conditions{delay: roundTrip * time.Millisecond / 2})
		d := w.watches()
		_, s := d.await(time.Now(), 30*time.Second, "the first picture", func(s, _ sight) bool { return s.Picture > 0 })
		t.Logf("%d ms: connected after %v, first picture after %v", roundTrip, s.Connected.Round(time.Millisecond), s.Picture.Round(time.Millisecond))
		if late := s.Picture - s.Connected; late > mediaLimit {
			t.Errorf("%d ms: the first picture came %v after the connection, want at most %v", roundTrip, late, mediaLimit)
		}
	}
}
