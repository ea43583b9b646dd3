package main

import (
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"rostrum/internal/rtmp"
)

// A client may put a secret anywhere. None of these is a valid one, so that every
// refusal is logged that there is.
func TestServe_LogsNoSecretWhereverAClientPutsIt(t *testing.T) {
	const secret = "s3cretOfSomebody"
	log, at := &strings.Builder{}, "127.0.0.1:"+freePort(t)
	cmd := rostrum(t, "serve", "--json", "--ephemeral", "--listen", "127.0.0.1:0", "--media-port", "0", "--rtmp-listen", at, "--log-level", "debug")
	s := start(t, cmd, log)

	encoders := "rtmp://" + at
	for _, path := range []string{"/" + secret, "/" + secret + "/key", "/app/" + secret, "/app/" + secret + "?user=" + secret, "/app?key=" + secret + "/key", "/" + secret + "/app/key"} {
		if push, err := rtmp.Dial(t.Context(), encoders+path, rtmp.Stream{Sets: [][]byte{{0x67, 66, 0, 10}, {0x68}}}); err == nil {
			_ = push.Close()
			t.Errorf("%s is accepted", path)
		}
	}
	bearer, signed := "Bearer "+secret, "AWS4-HMAC-SHA256 Credential="+secret+"/20260701/us-east-1/ivs/aws4_request, SignedHeaders=host, Signature="+strings.Repeat("0", 64)
	for _, path := range []string{
		"/whip", "/whip/" + secret, "/whip?token=" + secret, "/whip/sessions/" + secret, "/whip/publish/" + secret,
		"/events/" + secret, "/events/x?token=" + secret, "/hls/" + secret + "/index.m3u8", "/hls/x/index.m3u8?token=" + secret,
		"/recordings/" + secret + "/x", "/stage/?" + secret, "/play/?" + secret, "/" + secret, "/CreateStage", "/CreateStage?X-Amz-Security-Token=" + secret,
		"/event-log?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=" + secret, "/tags/" + secret, "/healthz?" + secret, "/metrics?" + secret,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
			for _, authorization := range []string{"", bearer, signed, secret} {
				r, err := http.NewRequestWithContext(t.Context(), method, s.Endpoint+path, strings.NewReader(url.Values{"token": {secret}}.Encode()))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", authorization)
				r.Header.Set("X-Amz-Security-Token", secret)
				r.Header.Set("Sec-WebSocket-Protocol", secret)
				r.Header.Set("Cookie", "session="+secret)
				r.Header.Set("Content-Type", "application/sdp")
				a, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = a.Body.Close()
			}
		}
	}
	if code, _ := s.stop(t, syscall.SIGTERM); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if !strings.Contains(log.String(), "application") || !strings.Contains(log.String(), "msg=request") {
		t.Fatalf("expected the refusals in the log, saw %s", log)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, secret) {
			t.Errorf("the log shows a secret: %s", line)
		}
	}
}
