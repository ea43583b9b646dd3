package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rostrum/internal/authority"
	"rostrum/internal/bucket"
	"rostrum/internal/composition"
	"rostrum/internal/node"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// TestMain is also the worker process, which does nothing until it is told to end.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "compose" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		fmt.Println(`{"kind":"ended"}`)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// noStages has no live stages.
type noStages struct{ Live }

func (noStages) StageDeleted(context.Context, string) error { return nil }

// newTestPlane returns a plane; compositions can start if able.
func newTestPlane(t *testing.T, limits Limits, able bool) *Plane {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	authority, err := authority.New(t.Context(), s, authority.Config{PublicURL: "http://127.0.0.1:7080"})
	if err != nil {
		t.Fatal(err)
	}
	var cfg composition.Config
	if able {
		if cfg.Program, err = os.Executable(); err != nil {
			t.Fatal(err)
		}
	}
	n, err := node.Open(t.Context(), s, node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	compositions := composition.NewRegistry(composition.Parts{
		Store: s, Authority: authority, Node: n, Buckets: bucket.Folders(t.TempDir()), Spool: t.TempDir(),
	}, cfg)
	t.Cleanup(func() { _ = compositions.Close() })
	p, err := New(t.Context(), Parts{Store: s, Authority: authority, Live: noStages{}, Compositions: compositions, Buckets: bucket.Folders(t.TempDir())}, limits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// someone is a caller.
var someone = Caller{Account: "111122223333", Region: "eu-west-1"}

// newCompositionRequest is a request to record a new stage to a bucket.
func newCompositionRequest(t *testing.T, p *Plane) *ivsrealtime.StartCompositionInput {
	t.Helper()
	made, err := p.CreateStage(t.Context(), someone, &ivsrealtime.CreateStageInput{})
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := p.CreateEncoderConfiguration(t.Context(), someone, &ivsrealtime.CreateEncoderConfigurationInput{})
	if err != nil {
		t.Fatal(err)
	}
	storage, err := p.CreateStorageConfiguration(t.Context(), someone, &ivsrealtime.CreateStorageConfigurationInput{S3: &ivsrealtime.S3StorageConfiguration{BucketName: "recordings"}})
	if err != nil {
		t.Fatal(err)
	}
	return &ivsrealtime.StartCompositionInput{StageARN: made.Stage.ARN, Destinations: []ivsrealtime.DestinationConfiguration{{S3: &ivsrealtime.S3DestinationConfiguration{
		StorageConfigurationARN: storage.StorageConfiguration.ARN, EncoderConfigurationARNs: []string{encoder.EncoderConfiguration.ARN},
	}}}}
}

func TestStartComposition_ConcurrentRequestsStayWithinQuotas(t *testing.T) {
	for name, limits := range map[string]Limits{
		"of the account": {Compositions: 3},
		"of the stage":   {CompositionsPerStage: 3},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTestPlane(t, limits, true)
			in := newCompositionRequest(t, p)
			var started, refused atomic.Int32
			var all sync.WaitGroup
			for range 12 {
				all.Go(func() {
					switch _, err := p.StartComposition(t.Context(), someone, in); {
					case err == nil:
						started.Add(1)
					case errors.Is(err, ivsrealtime.ServiceQuotaExceeded):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			all.Wait()
			if started.Load() != 3 || refused.Load() != 9 {
				t.Errorf("expected 3 to start and 9 to be refused, saw %d and %d", started.Load(), refused.Load())
			}
		})
	}
}

func TestStartComposition_HasTheManagedServicesQuotas(t *testing.T) {
	p := newTestPlane(t, AWSLimits(), true)
	start := func(in *ivsrealtime.StartCompositionInput, refused string) (name string) {
		t.Helper()
		out, err := p.StartComposition(t.Context(), someone, in)
		switch {
		case refused == "" && err == nil:
			return out.Composition.ARN
		case refused == "" || !errors.Is(err, ivsrealtime.ServiceQuotaExceeded) || !strings.Contains(err.Error(), refused):
			t.Errorf("expected the quota of %q, saw %v", refused, err)
		}
		return ""
	}
	first := newCompositionRequest(t, p)
	var one string
	for range 4 { // stages
		in := *first
		made, err := p.CreateStage(t.Context(), someone, &ivsrealtime.CreateStageInput{})
		if err != nil {
			t.Fatal(err)
		}
		in.StageARN = made.Stage.ARN
		for range 5 {
			one = start(&in, "")
		}
		start(&in, "compositions")
	}
	start(first, "20 compositions")
	if _, err := p.StopComposition(t.Context(), someone, &ivsrealtime.StopCompositionInput{ARN: one}); err != nil {
		t.Fatal(err)
	}
	for {
		changed := p.store.Changed()
		got, err := p.GetComposition(t.Context(), someone, &ivsrealtime.GetCompositionInput{ARN: one})
		if err != nil {
			t.Fatal(err)
		}
		if !got.Composition.EndTime.IsZero() {
			break
		}
		<-changed // the test's own time limit ends it
	}
	start(first, "")
}

func TestStartComposition_SameIdempotencyTokenStartsOne(t *testing.T) {
	p := newTestPlane(t, Limits{}, true)
	in := newCompositionRequest(t, p)
	in.IdempotencyToken = "once"
	names := make([]string, 8)
	var all sync.WaitGroup
	for i := range names {
		all.Go(func() {
			out, err := p.StartComposition(t.Context(), someone, in)
			if err != nil {
				t.Error(err)
				return
			}
			names[i] = out.Composition.ARN
		})
	}
	all.Wait()
	for _, name := range names {
		if name != names[0] || name == "" {
			t.Errorf("one token brought several compositions: %v", names)
		}
	}
	changed := *in
	changed.Tags = map[string]string{"team": "red"}
	if _, err := p.StartComposition(t.Context(), someone, &changed); !errors.Is(err, ivsrealtime.Conflict) {
		t.Errorf("the token with other parameters: expected ConflictException, saw %v", err)
	}
	if out, err := p.StartComposition(t.Context(), Caller{Account: someone.Account, Region: "us-east-1"}, in); err == nil && out.Composition.ARN == names[0] {
		t.Error("the token of one region brings the composition of another")
	}
}

func TestStartComposition_LocksWhatItUses(t *testing.T) {
	p := newTestPlane(t, Limits{}, true)
	in := newCompositionRequest(t, p)
	out, err := p.StartComposition(t.Context(), someone, in)
	if err != nil {
		t.Fatal(err)
	}
	s3 := in.Destinations[0].S3
	if _, err := p.DeleteEncoderConfiguration(t.Context(), someone, &ivsrealtime.DeleteEncoderConfigurationInput{ARN: s3.EncoderConfigurationARNs[0]}); !errors.Is(err, ivsrealtime.Conflict) {
		t.Errorf("delete its encoder configuration: expected ConflictException, saw %v", err)
	}
	if _, err := p.DeleteStorageConfiguration(t.Context(), someone, &ivsrealtime.DeleteStorageConfigurationInput{ARN: s3.StorageConfigurationARN}); !errors.Is(err, ivsrealtime.Conflict) {
		t.Errorf("delete its storage configuration: expected ConflictException, saw %v", err)
	}
	if _, err := p.DeleteStage(t.Context(), someone, &ivsrealtime.DeleteStageInput{ARN: in.StageARN}); err != nil {
		t.Fatal(err)
	}
	for {
		changed := p.store.Changed()
		got, err := p.GetComposition(t.Context(), someone, &ivsrealtime.GetCompositionInput{ARN: out.Composition.ARN})
		if err != nil {
			t.Fatal(err)
		}
		if got.Composition.State == ivsrealtime.CompositionFailed {
			break
		}
		<-changed // the test's own time limit ends it
	}
	if _, err := p.DeleteEncoderConfiguration(t.Context(), someone, &ivsrealtime.DeleteEncoderConfigurationInput{ARN: s3.EncoderConfigurationARNs[0]}); err != nil {
		t.Errorf("delete the encoder configuration of a composition that has ended: %v", err)
	}
}

func TestStartComposition_FailsWithoutWorkerProgram(t *testing.T) {
	p := newTestPlane(t, Limits{}, false)
	in := newCompositionRequest(t, p)
	if _, err := p.StartComposition(t.Context(), someone, in); !errors.Is(err, ivsrealtime.Conflict) {
		t.Errorf("expected ConflictException, saw %v", err)
	}
	if list, err := p.ListCompositions(t.Context(), someone, &ivsrealtime.ListCompositionsInput{}); err != nil || len(list.Compositions) != 0 {
		t.Errorf("a composition that was refused is listed: %v %v", list, err)
	}
}
