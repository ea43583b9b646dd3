package wire_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rostrum/internal/wire"
	"rostrum/ivsrealtime"
)

var (
	alice = wire.Participant{
		ID: "a1", UserID: "u<1>", Attributes: map[string]string{"name": "Ann", "z": ""},
		Capabilities: []ivsrealtime.Capability{ivsrealtime.CapabilityPublish, ivsrealtime.CapabilitySubscribe},
		IsPublishing: true, AudioMuted: true, VideoStopped: true, Replica: true,
	}
	bob = wire.Participant{ID: "b2", Attributes: map[string]string{}, Capabilities: []ivsrealtime.Capability{}}
	yes = true
)

const (
	aliceJSON = `{"id":"a1","userId":"u\u003c1\u003e","attributes":{"name":"Ann","z":""},"capabilities":["PUBLISH","SUBSCRIBE"],"isPublishing":true,"audioMuted":true,"videoStopped":true,"replica":true}`
	bobJSON   = `{"id":"b2","userId":"","attributes":{},"capabilities":[],"isPublishing":false,"audioMuted":false,"videoStopped":false}`
)

// messages are the bytes that are exchanged with other implementations.
var messages = []struct {
	sequence uint64
	payload  wire.Payload
	json     string
}{
	{6, wire.StageState{StageID: "s", Participants: []wire.Participant{alice, bob}}, `{"type":"STAGE_STATE","sequence":6,"payload":{"stageId":"s","participants":[` + aliceJSON + `,` + bobJSON + `]}}`},
	{7, wire.ParticipantJoined{Participant: alice}, `{"type":"PARTICIPANT_JOINED","sequence":7,"payload":` + aliceJSON + `}`},
	{8, wire.ParticipantJoined{Participant: bob}, `{"type":"PARTICIPANT_JOINED","sequence":8,"payload":` + bobJSON + `}`},
	{9, wire.ParticipantLeft{ParticipantID: "a1", UserID: "u1"}, `{"type":"PARTICIPANT_LEFT","sequence":9,"payload":{"participantId":"a1","userId":"u1"}}`},
	{10, wire.PublishState{ParticipantID: "b2", IsPublishing: true, Participant: bob}, `{"type":"PUBLISH_STATE","sequence":10,"payload":{"participantId":"b2","isPublishing":true,"participant":` + bobJSON + `}}`},
	{11, wire.PublishState{ParticipantID: "b2", Participant: bob, ErrorCode: ivsrealtime.ErrorBitrateExceeded}, `{"type":"PUBLISH_STATE","sequence":11,"payload":{"participantId":"b2","isPublishing":false,"participant":` + bobJSON + `,"errorCode":"BITRATE_EXCEEDED"}}`},
	{12, wire.MuteChanged{ParticipantID: "a1", AudioMuted: true}, `{"type":"MUTE_CHANGED","sequence":12,"payload":{"participantId":"a1","audioMuted":true,"videoStopped":false}}`},
	{13, wire.MetadataChanged{ParticipantID: "a1", UserID: "u1", Attributes: map[string]string{"name": "Ann"}, Capabilities: []ivsrealtime.Capability{ivsrealtime.CapabilitySubscribe}}, `{"type":"METADATA_CHANGED","sequence":13,"payload":{"participantId":"a1","userId":"u1","attributes":{"name":"Ann"},"capabilities":["SUBSCRIBE"]}}`},
	{14, wire.Layers{ParticipantID: "a1", Layers: []wire.Layer{{Label: "hi", Width: 1280, Height: 720, Bitrate: 2e6, Framerate: 29.97, Active: true}, {Label: "low"}}}, `{"type":"LAYERS","sequence":14,"payload":{"participantId":"a1","layers":[{"label":"hi","width":1280,"height":720,"bitrate":2000000,"framerate":29.97,"active":true},{"label":"low","width":0,"height":0,"bitrate":0,"framerate":0,"active":false}]}}`},
	{15, wire.ActiveSpeaker{ParticipantID: "a1"}, `{"type":"ACTIVE_SPEAKER","sequence":15,"payload":{"participantId":"a1"}}`},
	{16, wire.ActiveSpeaker{}, `{"type":"ACTIVE_SPEAKER","sequence":16,"payload":{"participantId":""}}`},
	{0, wire.LayerSelected{ParticipantID: "a1", Kind: wire.Video, Label: "hi"}, `{"type":"LAYER_SELECTED","payload":{"participantId":"a1","kind":"video","label":"hi","paused":false}}`},
	{0, wire.LayerSelected{ParticipantID: "a1", Kind: wire.Video, Paused: true, Reason: wire.PausedNoCodec}, `{"type":"LAYER_SELECTED","payload":{"participantId":"a1","kind":"video","label":"","paused":true,"reason":"no-codec"}}`},
	{0, wire.LayersUnused{Labels: []string{"hi", "mid"}}, `{"type":"LAYERS_UNUSED","payload":{"labels":["hi","mid"]}}`},
	{0, wire.LayersUnused{Labels: []string{}}, `{"type":"LAYERS_UNUSED","payload":{"labels":[]}}`},
	{0, wire.TokenExchanged{Participant: alice}, `{"type":"TOKEN_EXCHANGED","payload":` + aliceJSON + `}`},
	{0, wire.Pong{}, `{"type":"PONG"}`},
	{0, wire.Kicked{CloseNotice: wire.CloseNotice{Reason: wire.ReasonFailedExchange, Detail: "the token has expired", Code: "TOKEN_EXPIRED"}}, `{"type":"KICKED","payload":{"reason":"failed-exchange","detail":"the token has expired","code":"TOKEN_EXPIRED"}}`},
	{0, wire.Kicked{CloseNotice: wire.CloseNotice{Reason: wire.ReasonTokenReused, Detail: "the token was used by another client"}}, `{"type":"KICKED","payload":{"reason":"token-reused","detail":"the token was used by another client"}}`},
	{0, wire.Kicked{CloseNotice: wire.CloseNotice{Reason: wire.ReasonDisconnected}}, `{"type":"KICKED","payload":{"reason":"participant-disconnected"}}`},
	{0, wire.StageDeleted{CloseNotice: wire.CloseNotice{Reason: wire.ReasonStageDeleted, Detail: "the stage was deleted"}}, `{"type":"STAGE_DELETED","payload":{"reason":"stage-deleted","detail":"the stage was deleted"}}`},
	{0, wire.GoingAway{CloseNotice: wire.CloseNotice{Reason: wire.ReasonGoingAway}}, `{"type":"GOING_AWAY","payload":{"reason":"going-away"}}`},
	{0, wire.Ping{}, `{"type":"PING"}`},
	{0, wire.Mute{AudioMuted: &yes}, `{"type":"MUTE","payload":{"audioMuted":true}}`},
	{0, wire.ClientInfo{BrowserName: "Lynx", BrowserVersion: "2", OSName: "Plan 9", OSVersion: "4", SDKVersion: "0.1"}, `{"type":"CLIENT_INFO","payload":{"browserName":"Lynx","browserVersion":"2","osName":"Plan 9","osVersion":"4","sdkVersion":"0.1"}}`},
	{0, wire.ExchangeToken{Token: "a.b.c"}, `{"type":"EXCHANGE_TOKEN","payload":{"token":"a.b.c"}}`},
	{0, wire.Quality{Interval: 5000, Sent: &wire.MediaQuality{Bitrate: 1e6, Loss: 0.25, Codec: "H264"}}, `{"type":"QUALITY","payload":{"interval":5000,"sent":{"bitrate":1000000,"loss":0.25,"codec":"H264"}}}`},
	{0, wire.Attach{Token: "a.b.c"}, `{"type":"ATTACH","payload":{"token":"a.b.c"}}`},
	{0, wire.Attach{Token: "a.b.c", After: 7, ChangesOnly: true}, `{"type":"ATTACH","payload":{"token":"a.b.c","after":7,"changesOnly":true}}`},
	{0, wire.Detach{}, `{"type":"DETACH"}`},
	{0, wire.Attached{StageID: "s", ParticipantID: "a1"}, `{"type":"ATTACHED","payload":{"stageId":"s","participantId":"a1"}}`},
	{0, wire.AttachFailed{Code: "STAGE_AT_CAPACITY", Detail: "full", RetryAfter: 5}, `{"type":"ATTACH_FAILED","payload":{"code":"STAGE_AT_CAPACITY","detail":"full","retryAfter":5}}`},
	{0, wire.Detached{CloseNotice: wire.CloseNotice{Reason: wire.ReasonDetached}}, `{"type":"DETACHED","payload":{"reason":"detached"}}`},
	{0, wire.ConnectionClosed{CloseNotice: wire.CloseNotice{Reason: wire.ReasonRevoked, Code: "TOKEN_REVOKED"}}, `{"type":"CONNECTION_CLOSED","payload":{"reason":"real-time-connection-token-revocation","code":"TOKEN_REVOKED"}}`},
	{0, wire.Publish{Offer: "v=0\r\n"}, `{"type":"PUBLISH","id":"7","payload":{"offer":"v=0\r\n"}}`},
	{0, wire.Subscribe{ParticipantID: "a1", Offer: "v=0"}, `{"type":"SUBSCRIBE","id":"7","payload":{"participantId":"a1","offer":"v=0"}}`},
	{0, wire.Subscribe{Place: 2, Offer: "v=0"}, `{"type":"SUBSCRIBE","id":"7","payload":{"place":2,"offer":"v=0"}}`},
	{0, wire.Patch{Connection: "c", Fragment: "a=", IfMatch: "*"}, `{"type":"PATCH","id":"7","payload":{"connection":"c","fragment":"a=","ifMatch":"*"}}`},
	{0, wire.SelectLayer{Connection: "c", Video: &yes}, `{"type":"SELECT_LAYER","id":"7","payload":{"connection":"c","video":true}}`},
	{0, wire.End{Connection: "c"}, `{"type":"END","id":"7","payload":{"connection":"c"}}`},
	{0, wire.Reply{}, `{"type":"REPLY","id":"7","payload":{}}`},
	{0, wire.Reply{Connection: "c", Location: "/whip/sessions/c", ETag: `"1"`, Answer: "v=0", ICEServers: []wire.ICEServer{{URL: "turn:t", Username: "u", Credential: "p"}}},
		`{"type":"REPLY","id":"7","payload":{"connection":"c","location":"/whip/sessions/c","etag":"\"1\"","answer":"v=0","iceServers":[{"urls":"turn:t","username":"u","credential":"p"}]}}`},
	{0, wire.Reply{Connection: "c", ParticipantID: "a1"}, `{"type":"REPLY","id":"7","payload":{"connection":"c","participantId":"a1"}}`},
	{0, wire.Reply{Layer: &wire.Flow{Label: "low", Video: true}}, `{"type":"REPLY","id":"7","payload":{"layer":{"label":"low","video":true,"audio":false}}}`},
	{0, wire.Reply{Error: &wire.Problem{Type: "urn:x", Title: "t", Status: 429, Detail: "d", Code: "C", RetryAfter: 1}},
		`{"type":"REPLY","id":"7","payload":{"error":{"type":"urn:x","title":"t","status":429,"detail":"d","code":"C","retryAfter":1}}}`},
}

// encode writes a message as its sender does; requests and replies have the id 7.
func encode(sequence uint64, p wire.Payload) (data []byte, id string) {
	if _, reply := p.(wire.Reply); reply || p.Type().IsRequest() {
		return wire.EncodeID("7", p), "7"
	}
	return wire.Encode(sequence, p), ""
}

func TestMessages_AreExactlyTheseBytes(t *testing.T) {
	covered := map[wire.Type]bool{}
	for _, m := range messages {
		covered[m.payload.Type()] = true
		data, id := encode(m.sequence, m.payload)
		if got := string(data); got != m.json {
			t.Errorf("%T is encoded as\n%s\nexpected\n%s", m.payload, got, m.json)
		}
		got, ok := wire.Decode([]byte(m.json))
		if want := (wire.Message{Type: m.payload.Type(), Sequence: m.sequence, ID: id, Payload: m.payload}); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is decoded as\n%+v\nexpected\n%+v", m.json, got, want)
		}
	}
	for _, m := range messages {
		got, ok := wire.Decode(wire.WithAttachment("a-1_Z", []byte(m.json)))
		_, id := encode(m.sequence, m.payload)
		if want := (wire.Message{Type: m.payload.Type(), Sequence: m.sequence, ID: id, Attachment: "a-1_Z", Payload: m.payload}); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s on a connection is decoded as %+v", m.json, got)
		}
	}
	for _, p := range slices.Concat(wire.ServerMessages(), wire.ClientMessages()) {
		if !covered[p.Type()] {
			t.Errorf("%s has no example", p.Type())
		}
	}
}

func TestStateEncoder_WritesStageState(t *testing.T) {
	for _, c := range []struct{ shared, more []wire.Participant }{
		{shared: []wire.Participant{}},
		{shared: []wire.Participant{}, more: []wire.Participant{bob}},
		{shared: []wire.Participant{alice}, more: []wire.Participant{bob}},
		{shared: []wire.Participant{alice, bob}},
	} {
		e := wire.NewStateEncoder(3, `a"b`)
		for _, p := range c.shared {
			e.Add(p.Encode())
		}
		var more []byte
		for _, p := range c.more {
			more = p.Encode()
		}
		for range 2 { // a message leaves the encoder as it was
			want := string(wire.Encode(3, wire.StageState{StageID: `a"b`, Participants: append(slices.Clip(c.shared), c.more...)}))
			if got := string(e.Message(more)); got != want {
				t.Errorf("the encoder writes\n%s\nexpected\n%s", got, want)
			}
		}
	}
}

func TestDecode_AcceptsWhatNewerImplementationsSend(t *testing.T) {
	for data, want := range map[string]wire.Payload{
		`{"type":"EXCHANGE_TOKEN","payload":{"token":"a.b.c","more":true}}`: wire.ExchangeToken{Token: "a.b.c"},
		`{"type":"CLIENT_INFO","payload":{"browserName":"Lynx"}}`:           wire.ClientInfo{BrowserName: "Lynx"},
		`{"type":"PING","payload":7,"more":{}}`:                             wire.Ping{},
		`{"type":"FROM_THE_FUTURE","payload":{}}`:                           nil,
		`{"type":"MUTE","payload":{"audioMuted":"yes"}}`:                    nil,
		`{"type":"MUTE"}`:                     nil,
		`{"type":"CLIENT_INFO","payload":[]}`: nil,
		`{"type":"EXCHANGE_TOKEN","payload":{"token":{"deeply":["nested",{}]}}}`: nil,
	} {
		if m, ok := wire.Decode([]byte(data)); !ok || m.Payload != want {
			t.Errorf("%s is decoded as %#v, %t; expected %#v", data, m.Payload, ok, want)
		}
	}
	for _, data := range []string{``, `[]`, `"PING"`, `{"type":7}`, "{\"type\":\"PING\",\"payload\":\"\x00\"}"} {
		if m, ok := wire.Decode([]byte(data)); ok {
			t.Errorf("%s is decoded as %+v", data, m)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range messages {
		f.Add([]byte(m.json))
		f.Add(wire.WithAttachment("a", []byte(m.json)))
	}
	for _, s := range []string{`{"type":"MUTE","payload":[]}`, `{"type":"CLIENT_INFO","payload":{"browserName":"\ud800","osName":7}}`, `[`, `null`, `{"type":null}`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, ok := wire.Decode(data)
		if !ok || m.Payload == nil {
			return
		}
		encoded := wire.Encode(m.Sequence, m.Payload)
		if wire.ValidAttachment(m.Attachment) {
			encoded = wire.WithAttachment(m.Attachment, encoded)
		} else {
			m.Attachment = ""
		}
		again, ok := wire.Decode(encoded)
		if !ok || again.Type != m.Type || again.Attachment != m.Attachment {
			t.Errorf("%s does not survive: %+v, then %+v", data, m, again)
		}
	})
}

func TestProtocol_DriftsFromNoMessage(t *testing.T) {
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range slices.Concat(wire.ServerMessages(), wire.ClientMessages()) {
		row := tableRow(string(text), string(p.Type()))
		if row == "" {
			t.Errorf("docs/protocol.md has no table row for %s", p.Type())
			continue
		}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(p)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && len(f.Index) == 1 && !strings.Contains(row, "`"+name+"`") {
				t.Errorf("docs/protocol.md does not name the member %s of %s", name, p.Type())
			}
		}
	}
}

// tableRow returns the row of a Markdown table whose first column has the type.
func tableRow(text, messageType string) string {
	for line := range strings.Lines(text) {
		if cells := strings.Split(line, "|"); len(cells) > 2 && strings.Contains(cells[1], "`"+messageType+"`") {
			return line
		}
	}
	return ""
}

// examples are the messages in docs/protocol.md.
func examples(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```jsonl\n") {
		if block, _, _ = strings.Cut(block, "```"); i > 0 {
			all = append(all, strings.Split(strings.TrimSpace(block), "\n")...)
		}
	}
	return all
}

func TestProtocol_HasAnExampleOfEachMessage(t *testing.T) {
	seen := map[wire.Type]bool{}
	for _, line := range examples(t) {
		m, ok := wire.Decode([]byte(line))
		if !ok || m.Payload == nil {
			t.Errorf("docs/protocol.md has %s, which is no message", line)
			continue
		}
		seen[m.Type] = true
		encoded := wire.EncodeID(m.ID, m.Payload)
		if m.Sequence > 0 {
			encoded = wire.Encode(m.Sequence, m.Payload)
		}
		if m.Attachment != "" {
			encoded = wire.WithAttachment(m.Attachment, encoded)
		}
		var want, got any
		if err := errors.Join(json.Unmarshal([]byte(line), &want), json.Unmarshal(encoded, &got)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("docs/protocol.md has %s, expected %s", line, encoded)
		}
	}
	for _, p := range slices.Concat(wire.ServerMessages(), wire.ClientMessages()) {
		if !seen[p.Type()] {
			t.Errorf("docs/protocol.md has no example of %s", p.Type())
		}
	}
}
