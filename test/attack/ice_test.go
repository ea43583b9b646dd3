package attack

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// watchOffer is of a participant whose certificate nobody has.
var watchOffer = strings.ReplaceAll(`v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF 106
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 `+strings.Repeat("AA:", 31)+`AA
a=setup:actpass
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:106 H264/90000
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
`, "\n", "\r\n")

var answered = regexp.MustCompile(`(?s)a=ice-ufrag:(\S+).*a=ice-pwd:(\S+)`)

// Item 10: a participant aims its subscription at others. Its checks are valid and nominate,
// at any size and doubled, but DTLS completes nowhere.
func TestAttack_ChecksAloneDrawNoMedia(t *testing.T) {
	token, err := stand.token(t.Context(), "aims")
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, stand.server.URL+"/whip/subscribe/"+stand.publisher, strings.NewReader(watchOffer))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/sdp")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(response.Body)
	response.Body.Close()
	credentials := answered.FindStringSubmatch(string(answer))
	if err != nil || response.StatusCode != http.StatusCreated || credentials == nil {
		t.Fatalf("status %d, %v: %s", response.StatusCode, err, answer)
	}
	for _, padding := range []int{0, 900, 1380} {
		var victims []net.Conn
		for range 3 {
			victims = append(victims, stand.udp(t))
		}
		for _, victim := range victims {
			sent := 0
			for range 20 {
				m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(credentials[1]+":abcd"),
					stun.RawAttribute{Type: stun.AttrUseCandidate}, stun.RawAttribute{Type: 0xc070, Value: make([]byte, padding)},
					stun.NewShortTermIntegrity(credentials[2]), stun.Fingerprint)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					n, _ := victim.Write(m.Raw)
					sent += n
				}
			}
			got, responses, buffer := 0, 0, make([]byte, 2000)
			for {
				wait := 300 * time.Millisecond
				if responses == 0 {
					wait = 10 * time.Second
				}
				_ = victim.SetReadDeadline(time.Now().Add(wait))
				n, err := victim.Read(buffer)
				if err != nil {
					break
				}
				got += n
				if stun.IsMessage(buffer[:n]) {
					responses++
				} else {
					t.Errorf("%d bytes that are no response came, the first one is %d", n, buffer[0])
				}
			}
			if responses == 0 || got > sent {
				t.Errorf("checks of %d bytes drew %d bytes in %d responses", sent, got, responses)
			}
		}
	}
	stand.goesOn(t)
}
