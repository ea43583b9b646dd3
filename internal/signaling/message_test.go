package signaling

import (
	"fmt"
	"testing"
)

func TestUnderstand_ReadsWhatItKnows(t *testing.T) {
	for said, want := range map[string]string{
		`{"type":"PING"}`: "signaling.ping{}",
		`{"type":"CLIENT_INFO","payload":{"browserName":"Lynx"}}`:           `signaling.introduce{BrowserName:"Lynx", BrowserVersion:"", OSName:"", OSVersion:"", SDKVersion:""}`,
		`{"type":"EXCHANGE_TOKEN","payload":{"token":"a.b.c","more":true}}`: `signaling.offerToken{Token:"a.b.c"}`,
		`{"type":"MUTE","payload":{"audioMuted":"yes"}}`:                    "<nil>",
		`{"type":"FROM_THE_FUTURE","payload":{}}`:                           "<nil>",
		`{"type":"MUTE"}`:                     "<nil>",
		`{"type":"CLIENT_INFO","payload":[]}`: "<nil>",
		`[]`:                                  "<nil>",
		`{"type":"PING","payload":"` + string(rune(0)) + `"}`:                    "<nil>",
		`{"type":"EXCHANGE_TOKEN","payload":{"token":{"deeply":["nested",{}]}}}`: "<nil>",
	} {
		if got := fmt.Sprintf("%#v", understand([]byte(said))); got != want {
			t.Errorf("%s is understood as %s, want %s", said, got, want)
		}
	}
}

func FuzzUnderstand_TakesAnything(f *testing.F) {
	for _, s := range []string{
		`{"type":"PING"}`, `{"type":"MUTE","payload":{"audioMuted":true,"videoStopped":null}}`, `{"type":"MUTE","payload":[]}`,
		`{"type":"CLIENT_INFO","payload":{"browserName":"\ud800","osName":7}}`, `{"type":"EXCHANGE_TOKEN","payload":{"token":"a.b.c"}}`,
		`[`, `null`, `"PING"`, `{"type":null}`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, data []byte) { understand(data) })
}
