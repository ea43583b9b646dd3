package netem

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

// connectionOf names the variable with the connection token that makes this program visit a
// stage again and again.
const connectionOf = "ROSTRUM_NETEM_CONNECTION"

// visits is how often a stage is visited in each way.
const visits = 4

// A visit is how long a stage took from the call of Join to its first picture.
type visit struct {
	Early   bool // subscribed in the request to join
	Picture time.Duration
}

// visitStage prints visits of a stage, each the first that the client makes of it, in turns with and
// without early subscriptions, each way on a connection of its own.
func visitStage(ctx context.Context, connectionToken, token, publisher string) error {
	var connections []*realtime.Connection
	for early := range 2 {
		c, err := realtime.Connect(ctx, connectionToken, realtime.Config{EarlySubscriptions: early, Network: realtime.UDPOnly})
		if err != nil {
			return err
		}
		defer c.Close()
		connections = append(connections, c)
	}
	out := json.NewEncoder(os.Stdout)
	for n := range 2 * visits {
		picture := make(chan time.Time, 1)
		began := time.Now()
		stage, err := connections[n%2].Join(ctx, token)
		if err != nil {
			return err
		}
		_, err = stage.Subscribe(ctx, publisher, realtime.SubscribeConfig{OnSample: func(t *realtime.RemoteTrack, f realtime.Received) {
			if t.Codec.Kind() == realtime.Video && f.Keyframe {
				select {
				case picture <- time.Now():
				default:
				}
			}
		}})
		if err != nil {
			return err
		}
		select {
		case at := <-picture:
			if err := out.Encode(visit{n%2 == 1, at.Sub(began)}); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := stage.Close(); err != nil {
			return err
		}
	}
	return nil
}

// connectionToken signs one with a key that the server then knows.
func (w *testbed) connectionToken(events string) string {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	material, err := ivsrealtime.PublicKeyMaterial(&key.PublicKey)
	if err != nil {
		w.Fatal(err)
	}
	imported, err := w.client.ImportPublicKey(w.ctx, &ivsrealtime.ImportPublicKeyInput{PublicKeyMaterial: material})
	if err != nil {
		w.Fatal(err)
	}
	signer, err := ivsrealtime.NewTokenSigner(imported.PublicKey.ARN, key)
	if err != nil {
		w.Fatal(err)
	}
	raw, err := signer.SignConnection(ivsrealtime.ConnectionClaims{EventsURL: events})
	if err != nil {
		w.Fatal(err)
	}
	return raw
}

// A client that subscribes in the request to join a stage has its picture a round trip earlier
// than one that waits for the state.
func TestNetwork_EarlySubscriptionsSaveARoundTrip(t *testing.T) {
	const roundTrip = 250 * time.Millisecond
	w := newTestbed(t)
	w.path.set(conditions{delay: roundTrip / 2})
	raw := w.token("visitor")
	token, err := realtime.ReadToken(raw)
	if err != nil {
		t.Fatal(err)
	}
	cmd := w.in(w.viewer, os.Args[0])
	cmd.Env = append(os.Environ(), connectionOf+"="+w.connectionToken(token.EventsURL), viewerOf+"="+raw, watched+"="+w.publisher)
	made := make(chan visit, 2*visits)
	w.lines(cmd, func(line []byte) {
		var v visit
		if json.Unmarshal(line, &v) == nil {
			made <- v
		}
	})
	took := map[bool][]time.Duration{}
	for range 2 * visits {
		select {
		case v := <-made:
			took[v.Early] = append(took[v.Early], v.Picture.Round(time.Millisecond))
		case <-w.ctx.Done():
			t.Fatal("the visitor sees nothing")
		}
	}
	t.Logf("%v: the first picture of a visit comes after %v, without early subscriptions %v", roundTrip, took[true], took[false])
	// A busy machine delays some.
	if early, late := slices.Min(took[true]), slices.Min(took[false]); late-early < roundTrip/2 {
		t.Errorf("early subscriptions save %v of a round trip of %v", late-early, roundTrip)
	}
}
