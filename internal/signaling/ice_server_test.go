package signaling_test

import (
	"fmt"
	"testing"

	"rostrum/internal/stage"
)

// TestServer_LinksICEServersForParticipants: with an answer, and before the
// offer to clients with a token.
func TestServer_LinksICEServersForParticipants(t *testing.T) {
	c := newFixture(t, stage.Config{})
	alice := c.token("alice")
	want := fmt.Sprintf(`<turn:192.0.2.1:7081?transport=udp>; rel="ice-server"; username="1:%s"; credential="proof"; credential-type="password"`, alice.ParticipantID)
	resp, said := c.ask("POST", "/whip", alice.Raw, "application/sdp", offer(t, c))
	if got := resp.Header.Get("Link"); resp.StatusCode != 201 || got != want {
		t.Errorf("with the answer %d %v: %s, want %s", resp.StatusCode, said, got, want)
	}
	for path, expected := range map[string]string{"/whip": want, "/whip/subscribe/x": want, "/whip/sessions/x": "", "/events/x": ""} {
		if resp, _ := c.ask("OPTIONS", path, alice.Raw, "", ""); resp.StatusCode != 204 || resp.Header.Get("Link") != expected {
			t.Errorf("OPTIONS %s: %d and %q, want 204 and %q", path, resp.StatusCode, resp.Header.Get("Link"), expected)
		}
		for _, raw := range []string{"", alice.Raw + "x"} {
			if resp, _ := c.ask("OPTIONS", path, raw, "", ""); resp.Header.Get("Link") != "" {
				t.Errorf("OPTIONS %s without a good token names %q", path, resp.Header.Get("Link"))
			}
		}
	}
}
