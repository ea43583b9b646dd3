// Package events_test puts events on the bus of an emulator of EventBridge, as
// others have written it: moto, from the Python Package Index.
package events_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"rostrum/internal/event"
	"rostrum/internal/store"
	"rostrum/test/server"
)

// emulator is a running moto server.
type emulator struct {
	t   *testing.T
	url string
}

// startEmulator runs the program that ROSTRUM_MOTO_SERVER names (make
// conformance-events installs it); without it the test is skipped.
func startEmulator(t *testing.T) *emulator {
	t.Helper()
	program := os.Getenv("ROSTRUM_MOTO_SERVER")
	if program == "" {
		t.Skip("ROSTRUM_MOTO_SERVER names no moto_server: make conformance-events installs one")
	}
	address, err := server.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(program, "-H", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return &emulator{t, "http://" + address}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the emulator does not answer: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// call sends an operation of a JSON service of AWS.
func (e *emulator) call(service, target string, in, out any) {
	e.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		e.t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-amz-json-1.1")
	q.Header.Set("X-Amz-Target", target)
	sum := sha256.Sum256(body)
	key := aws.Credentials{AccessKeyID: "AKIAEMULATOR", SecretAccessKey: "emulated"}
	if err := v4.NewSigner().SignHTTP(e.t.Context(), key, q, hex.EncodeToString(sum[:]), service, "eu-west-1", time.Now()); err != nil {
		e.t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		e.t.Fatal(err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		e.t.Fatalf("%s: %s", target, a.Status)
	}
	if out != nil {
		if err := json.NewDecoder(a.Body).Decode(out); err != nil {
			e.t.Fatalf("%s: %v", target, err)
		}
	}
}

func TestBus_OfAnEmulatorGetsEventsAndItsRuleMatchesThem(t *testing.T) {
	e := startEmulator(t)
	var queue struct{ QueueURL string }
	e.call("sqs", "AmazonSQS.CreateQueue", map[string]any{"QueueName": "matched"}, &queue)
	e.call("events", "AWSEvents.CreateEventBus", map[string]any{"Name": "stages"}, nil)
	e.call("events", "AWSEvents.PutRule", map[string]any{"Name": "published", "EventBusName": "stages",
		"EventPattern": `{"source":["rostrum.ivs"],"detail-type":["IVS Stage Update"],"detail":{"event_name":["Participant Published"]}}`}, nil)
	e.call("events", "AWSEvents.PutTargets", map[string]any{"Rule": "published", "EventBusName": "stages",
		"Targets": []any{map[string]any{"Id": "queue", "Arn": "arn:aws:sqs:eu-west-1:123456789012:matched"}}}, nil)

	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stage := "arn:aws:ivs:eu-west-1:111122223333:stage/Aa1Bb2Cc3Dd4"
	err = s.Write(t.Context(), func(tx *store.Tx) error {
		return tx.PutTarget(event.Target{Name: "bus", Account: "111122223333", Secrets: []event.Secret{{ID: "AKIAEMULATOR", Key: "emulated"}},
			Bus: &event.Bus{Name: "stages", Region: "eu-west-1", Endpoint: e.url}})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		_ = event.NewDispatcher(store.DeliveryStore{Store: s}, "node", event.DispatcherConfig{}).Run(ctx)
	})
	defer running.Wait()
	defer cancel()
	const people = 15
	for n := range people {
		p := event.Participant{StageARN: stage, SessionID: "st-1", ID: fmt.Sprintf("p%d", n)}
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			tx.Emit(event.ParticipantPublished(p, time.Now()), event.ParticipantUnpublished(p, time.Now()))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for deadline := time.Now().Add(30 * time.Second); len(seen) < people && time.Now().Before(deadline); {
		var got struct {
			Messages []struct{ Body, ReceiptHandle string }
		}
		e.call("sqs", "AmazonSQS.ReceiveMessage", map[string]any{"QueueUrl": queue.QueueURL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}, &got)
		for _, m := range got.Messages {
			var received struct {
				Source, Region string
				Resources      []string
				Detail         struct {
					Name string `json:"event_name"`
					ID   string `json:"participant_id"`
				}
			}
			if err := json.NewDecoder(strings.NewReader(m.Body)).Decode(&received); err != nil {
				t.Fatalf("%s: %v", m.Body, err)
			}
			if received.Source != event.DefaultBusSource || received.Detail.Name != "Participant Published" || received.Resources[0] != stage {
				t.Errorf("the rule matched %s", m.Body)
			}
			seen[received.Detail.ID] = true
			e.call("sqs", "AmazonSQS.DeleteMessage", map[string]any{"QueueUrl": queue.QueueURL, "ReceiptHandle": m.ReceiptHandle}, nil)
		}
	}
	if len(seen) != people {
		t.Errorf("the rule's queue has the events of %d participants, expected %d", len(seen), people)
	}
}
