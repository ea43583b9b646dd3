package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"rostrum/internal/api"
	"rostrum/internal/authority"
	"rostrum/internal/channel"
	"rostrum/internal/composition"
	"rostrum/internal/control"
	"rostrum/internal/node"
	"rostrum/internal/quality"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// noStages has no live stages.
type noStages struct{}

func (noStages) Disconnect(context.Context, string, string, string) error { return nil }
func (noStages) StageDeleted(context.Context, string) error               { return nil }
func (noStages) Replicate(_ context.Context, r control.Replication) error {
	return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "participant %s does not publish on %s", r.ParticipantID, r.SourceStageARN)
}
func (noStages) StopReplication(_ context.Context, source, _, participant string) error {
	return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "participant %s of %s has no such replica", participant, source)
}

const (
	account = "111122223333"
	other   = "999988887777"
	region  = "eu-west-1"
)

// A fixture is a server on a store with two accounts.
type fixture struct {
	*httptest.Server
	store    *store.Store
	quality  *quality.History
	log      *bytes.Buffer
	stopping chan struct{}
}

func newFixture(t testing.TB, limits control.Limits) *fixture {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h := &fixture{store: s, quality: quality.NewHistory(s, quality.Config{Age: time.Hour, Log: slog.New(slog.DiscardHandler)}), log: &bytes.Buffer{}, stopping: make(chan struct{})}
	h.addKey(t, account, "AKIAALICE", "alice-secret", "alice")
	h.addKey(t, other, "AKIABOB", "bob-secret", "bob")
	authority, err := authority.New(ctx, s, authority.Config{PublicURL: "http://127.0.0.1:7080"})
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(ctx, s, node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	compositions := composition.NewRegistry(composition.Parts{Store: s, Authority: authority, Node: n}, composition.Config{})
	t.Cleanup(func() { _ = compositions.Close() })
	channels := channel.NewRegistry(s, n, channel.Config{Ingest: "127.0.0.1:1935", Public: "http://127.0.0.1:7080"})
	t.Cleanup(func() { _ = channels.Close() })
	plane, err := control.New(ctx, control.Parts{Store: s, Authority: authority, Live: noStages{}, Channels: channels, Compositions: compositions, Buckets: namedBuckets, Quality: h.quality}, limits)
	if err != nil {
		t.Fatal(err)
	}
	h.Server = httptest.NewServer(api.New(plane, api.Config{Log: slog.New(slog.NewTextHandler(h.log, nil)), Stopping: h.stopping}))
	t.Cleanup(h.Close)
	return h
}

func (h *fixture) addKey(t testing.TB, account, id, secret, user string, policies ...string) {
	t.Helper()
	err := h.store.Write(context.Background(), func(tx *store.Tx) error {
		accounts, err := tx.Accounts()
		if err != nil {
			return err
		}
		known := false
		for _, a := range accounts {
			known = known || a.ID == account
		}
		if !known {
			if err := tx.CreateAccount(store.Account{ID: account, Name: user, Created: time.Now()}); err != nil {
				return err
			}
		}
		k := store.AccessKey{ID: id, Account: account, Secret: secret, UserName: user, Created: time.Now(), PrincipalTags: map[string]string{"team": "red"}}
		for _, p := range policies {
			k.Policies = append(k.Policies, json.RawMessage(p))
		}
		return tx.CreateAccessKey(k)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A request is a request of a test, with the defaults of an SDK.
type request struct {
	method, path string
	body         string
	contentType  string
	key, secret  string
	region       string
	at           time.Time
	unsigned     bool
}

// An answer is a response.
type answer struct {
	*http.Response
	body []byte
}

// fault returns code and message of an error.
func (a answer) fault() (code, message string) {
	var body struct{ ExceptionMessage, Message string }
	_ = json.Unmarshal(a.body, &body)
	if body.Message != body.ExceptionMessage {
		return a.Header.Get("x-amzn-ErrorType"), fmt.Sprintf("two messages: %q, %q", body.Message, body.ExceptionMessage)
	}
	return a.Header.Get("x-amzn-ErrorType"), body.Message
}

func (h *fixture) send(t testing.TB, q request) answer {
	t.Helper()
	if q.method == "" {
		q.method = http.MethodPost
	}
	if q.key == "" {
		q.key, q.secret = "AKIAALICE", "alice-secret"
	}
	if q.region == "" {
		q.region = region
	}
	if q.at.IsZero() {
		q.at = time.Now()
	}
	if q.contentType == "" && q.body != "" {
		q.contentType = "application/json"
	}
	r, err := http.NewRequest(q.method, h.URL+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	if q.contentType != "" {
		r.Header.Set("Content-Type", q.contentType)
	}
	if !q.unsigned {
		sum := sha256.Sum256([]byte(q.body))
		if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: q.key, SecretAccessKey: q.secret}, r, hex.EncodeToString(sum[:]), "ivs", q.region, q.at); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, body}
}

// call sends an operation that must succeed.
func (h *fixture) call(t testing.TB, q request, out any) {
	t.Helper()
	a := h.send(t, q)
	if a.StatusCode != http.StatusOK {
		code, message := a.fault()
		t.Fatalf("%s %s %s: %d %s: %s", q.method, q.path, q.body, a.StatusCode, code, message)
	}
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			t.Fatalf("%s answered %s: %v", q.path, a.body, err)
		}
	}
}

func (h *fixture) createStage(t testing.TB, q request) ivsrealtime.Stage {
	t.Helper()
	q.path = "/CreateStage"
	if q.body == "" {
		q.body = `{}`
	}
	var out ivsrealtime.CreateStageOutput
	h.call(t, q, &out)
	return *out.Stage
}
