package attack

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"rostrum/ivsrealtime"
)

// ask sends one request and returns the status.
func ask(t *testing.T, method, path, token, kind, body string, headers ...string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, stand.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func mustToken(t *testing.T, user string) string {
	t.Helper()
	token, err := stand.token(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Item 20, from outside.
func TestAttack_ForgedTokensAreRefused(t *testing.T) {
	good := mustToken(t, "ann")
	parts := strings.Split(good, ".")
	head := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	unkeyed := hmac.New(sha512.New384, nil)
	unkeyed.Write([]byte(parts[0] + "." + parts[1]))
	zero := base64.RawURLEncoding.EncodeToString(make([]byte, 96))
	for says, token := range map[string]string{
		"none":                  "",
		"no signature":          head(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"alg none, signed":      head(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"HMAC by no secret":     parts[0] + "." + parts[1] + "." + head(string(unkeyed.Sum(nil))),
		"another HMAC":          head(`{"alg":"HS256","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"HMAC with a kid":       head(`{"alg":"HS384","typ":"JWT","kid":"a"}`) + "." + parts[1] + "." + parts[2],
		"HMAC said to be ECDSA": head(`{"alg":"ES384","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"another curve":         head(`{"alg":"ES256","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"a signature of zeros":  parts[0] + "." + parts[1] + "." + zero,
		"a key from a path":     head(`{"alg":"ES384","typ":"JWT","kid":"../../etc/passwd"}`) + "." + parts[1] + "." + parts[2],
		"a key from the net":    head(`{"alg":"ES384","typ":"JWT","jku":"http://127.0.0.1/k","kid":"http://127.0.0.1/k"}`) + "." + parts[1] + "." + parts[2],
		"a cut signature":       good[:len(good)-8],
		"a megabyte":            parts[0] + "." + strings.Repeat("A", 20_000) + "." + parts[2],
		"other claims":          parts[0] + "." + head(`{"whip_url":"x"}`) + "." + parts[2],
		"a token in the cookie": "",
	} {
		for _, path := range []string{"/whip", "/whip/subscribe/" + stand.publisher} {
			if status := ask(t, "POST", path, token, "application/sdp", "v=0\r\n", "Cookie", "token="+good); status != 401 && status != 403 && status != 429 && status != 431 {
				t.Errorf("%s at %s: %d, want 401", says, path, status)
			}
		}
	}
	stand.goesOn(t)
}

// Item 22: what belongs to others can't be told from what isn't there.
func TestAttack_OthersConnectionsCantBeTouched(t *testing.T) {
	token := mustToken(t, "eve")
	for _, method := range []string{"DELETE", "PATCH"} {
		if status := ask(t, method, "/whip/sessions/guess", token, "application/trickle-ice-sdpfrag", "", "If-Match", "*"); status != 404 {
			t.Errorf("%s of a guessed connection: %d, want 404", method, status)
		}
	}
	if status := ask(t, "POST", "/whip/publish/"+stand.publisher, token, "application/sdp", "v=0\r\n"); status != 403 {
		t.Errorf("publishing as another: %d, want 403", status)
	}
	if status := ask(t, "POST", "/whip/subscribe/nobody", token, "application/sdp", "v=0\r\n"); status != 404 && status != 400 {
		t.Errorf("subscribing to nobody: %d, want 404", status)
	}
	stand.goesOn(t)
}

// Items 11, 12 and 25: offers that are too much.
func TestAttack_MonstrousOffersAreRefused(t *testing.T) {
	token := mustToken(t, "eve")
	for says, offer := range map[string]string{
		"a megabyte":         "v=0\r\n" + strings.Repeat("a=x\r\n", 200_000),
		"candidates":         "v=0\r\n" + strings.Repeat("a=candidate:1 1 udp 1 169.254.169.254 80 typ host\r\n", 900),
		"sections":           "v=0\r\n" + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 1800),
		"nothing":            "",
		"binary":             string(make([]byte, 1000)),
		"a line without end": "v=0\r\na=" + strings.Repeat("x", 60_000),
	} {
		if status := ask(t, "POST", "/whip", token, "application/sdp", offer); status < 400 || status >= 500 {
			t.Errorf("%s: %d, want a refusal", says, status)
		}
	}
	stand.goesOn(t)
}

// Items 21, 23 and 24: the API without credentials, and with wrong ones.
func TestAttack_TheAPINeedsASignature(t *testing.T) {
	for says, headers := range map[string][]string{
		"nothing":         nil,
		"a made-up one":   {"Authorization", "AWS4-HMAC-SHA256 Credential=" + stand.server.AccessKey + "/20260101/us-east-1/ivs/aws4_request, SignedHeaders=host, Signature=" + strings.Repeat("0", 64)},
		"a bearer token":  {"Authorization", "Bearer " + mustToken(t, "eve")},
		"an unknown key":  {"Authorization", "AWS4-HMAC-SHA256 Credential=AKIANOBODY/20260101/us-east-1/ivs/aws4_request, SignedHeaders=host, Signature=" + strings.Repeat("0", 64)},
		"a query instead": {"X-Amz-Signature", strings.Repeat("0", 64)},
	} {
		for _, op := range []string{"ListStages", "CreateStage", "DeleteStage", "CreateParticipantToken", "DisconnectParticipant", "ListCompositions"} {
			if status := ask(t, "POST", "/"+op, "", "application/json", `{"arn":"`+stand.stage+`"}`, headers...); status != 403 && status != 401 {
				t.Errorf("%s with %s: %d, want 403", op, says, status)
			}
		}
	}
	stand.goesOn(t)
}

// Item 31: joins and leaves without a break.
func TestAttack_AStormOfJoinsIsOutlasted(t *testing.T) {
	before := stand.memory()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				_, _ = stand.client.CreateParticipantToken(t.Context(), &ivsrealtime.CreateParticipantTokenInput{StageARN: stand.stage})
				ask(t, "POST", "/whip", "x.y.z", "application/sdp", "v=0\r\n")
			}
		})
	}
	all.Wait()
	stand.goesOn(t)
	if grown := stand.memory() - before; grown > 64<<20 {
		t.Errorf("the server grew by %d MiB", grown>>20)
	}
}
