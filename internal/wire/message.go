// Package wire declares the messages of the events socket, between server and
// participants. docs/protocol.md describes them; clients in TypeScript use
// declarations that are generated from this package.
package wire

import (
	"encoding/json"
	"reflect"
)

//go:generate go run ./typescript

// A Type names a kind of message.
type Type string

// A Payload is the content of a message. It knows the message's type, so that
// the two always fit.
type Payload interface {
	Type() Type
}

// A Message is one message of the events socket, as its receiver sees it.
type Message struct {
	Type       Type
	Sequence   uint64  // grows with each message to all participants; 0 for a message to one
	ID         string  // of a request and its reply
	Attachment string  // on a connection: the stage that the message is about; "" for the connection itself
	Payload    Payload // nil if the type is unknown or the payload malformed
}

// serverMessages are the messages from the server.
var serverMessages = []Payload{
	StageState{}, ParticipantJoined{}, ParticipantLeft{}, PublishState{}, MuteChanged{}, MetadataChanged{}, Layers{}, ActiveSpeaker{},
	LayerSelected{}, LayersUnused{}, TokenExchanged{}, Pong{}, Kicked{}, StageDeleted{}, GoingAway{},
	Attached{}, AttachFailed{}, Detached{}, ConnectionClosed{},
	Reply{},
}

// clientMessages are the messages from participants.
var clientMessages = []Payload{Ping{}, Mute{}, ClientInfo{}, ExchangeToken{}, Attach{}, Detach{}, Quality{}, Publish{}, Subscribe{}, Patch{}, SelectLayer{}, End{}}

// ServerMessages returns one empty payload for each message from the server.
func ServerMessages() []Payload { return serverMessages }

// ClientMessages returns one empty payload for each message from participants.
func ClientMessages() []Payload { return clientMessages }

// payloads has the Go type of each message's payload.
var payloads = func() map[Type]reflect.Type {
	all := map[Type]reflect.Type{}
	for _, list := range [][]Payload{serverMessages, clientMessages} {
		for _, p := range list {
			all[p.Type()] = reflect.TypeOf(p)
		}
	}
	return all
}()

// Encode writes a message. A sequence of 0 is left out.
func Encode(sequence uint64, p Payload) []byte { return encode(sequence, "", p) }

// EncodeID writes a request or its reply.
func EncodeID(id string, p Payload) []byte { return encode(0, id, p) }

func encode(sequence uint64, id string, p Payload) []byte {
	message := struct {
		Type     Type    `json:"type"`
		Sequence uint64  `json:"sequence,omitempty"`
		ID       string  `json:"id,omitempty"`
		Payload  Payload `json:"payload,omitempty"`
	}{p.Type(), sequence, id, p}
	if isEmpty(reflect.TypeOf(p)) {
		message.Payload = nil
	}
	return marshal(message)
}

// Decode reads a message. Other implementations may be newer: types and fields
// that are not known here are no error. A payload that is malformed is left out, except of a
// message that ends something, whose type says enough. It reports false if data is no message.
func Decode(data []byte) (Message, bool) {
	var raw struct {
		Type       Type            `json:"type"`
		Sequence   uint64          `json:"sequence"`
		ID         string          `json:"id"`
		Attachment string          `json:"attachment"`
		Payload    json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(data, &raw) != nil {
		return Message{}, false
	}
	m := Message{Type: raw.Type, Sequence: raw.Sequence, ID: raw.ID, Attachment: raw.Attachment}
	t, known := payloads[raw.Type]
	if !known {
		return m, true
	}
	p := reflect.New(t)
	whole := string(raw.Payload) != "null" && json.Unmarshal(raw.Payload, p.Interface()) == nil
	if whole || isEmpty(t) || t.Implements(reflect.TypeFor[Closing]()) {
		m.Payload = p.Elem().Interface().(Payload)
	}
	return m, true
}

// IsRequest reports whether a message of the type is answered with a Reply, also if its
// payload is malformed.
func (t Type) IsRequest() bool {
	p, known := payloads[t]
	return known && p.Implements(reflect.TypeFor[Request]())
}

// isEmpty reports whether messages of the type have no payload.
func isEmpty(t reflect.Type) bool { return t.NumField() == 0 }

// marshal writes a value that consists of strings, numbers and booleans.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("wire: marshal: " + err.Error())
	}
	return b
}
