package ivsrealtime_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
)

func asyncBuilder(f fake) *ivsrealtime.AsyncClientBuilder {
	return ivsrealtime.NewAsyncClientBuilder().Region("eu-west-1").HTTPClient(f).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""))
}

func asyncBuilt(t testing.TB, b *ivsrealtime.AsyncClientBuilder) *ivsrealtime.AsyncClient {
	t.Helper()
	c, err := b.Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// slow answers after a while with a stage of the name asked for.
func slow(t *testing.T, d time.Duration) fake {
	return func(r *http.Request) (*http.Response, error) {
		name := bodyOf(t, r)["name"]
		select {
		case <-time.After(d):
			return answer(200, fmt.Sprintf(`{"stage":{"arn":%q,"name":%q}}`, stageARN, name)), nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

func create(c *ivsrealtime.AsyncClient, name string) *ivsrealtime.Call[*ivsrealtime.CreateStageOutput] {
	return c.CreateStage(context.Background(), &ivsrealtime.CreateStageInput{Name: name})
}

func TestAsync_ReturnsACallAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := asyncBuilt(t, asyncBuilder(slow(t, 3*time.Second)))
		begun := time.Now()
		in := &ivsrealtime.CreateStageInput{Name: "lobby"}
		call := client.CreateStage(context.Background(), in)
		in.Name = "changed since"
		if _, ended, _ := call.Poll(); ended || time.Since(begun) != 0 {
			t.Errorf("the call ended: %t after %v, expected to be under way at once", ended, time.Since(begun))
		}
		impatient, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := call.Wait(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v from an impatient wait, expected its deadline", err)
		}
		<-call.Done()
		for range 2 {
			out, err := call.Wait(impatient) // a result that is there is given whatever became of ctx
			polled, ended, _ := call.Poll()
			if err != nil || out.Stage.Name != "lobby" || polled != out || !ended {
				t.Errorf("got %+v, %v", out, err)
			}
		}
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("took %v, expected 3s", took)
		}
	})
}

func TestAsync_FailsLikeTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := inTurn(with(func() *http.Response { return refusal(404, ivsrealtime.ResourceNotFound) }))
		client := asyncBuilt(t, asyncBuilder(f))
		if _, err := client.GetStage(context.Background(), &ivsrealtime.GetStageInput{ARN: stageARN}).Wait(context.Background()); !errors.Is(err, ivsrealtime.ResourceNotFound) {
			t.Errorf("got %v, expected %v", err, ivsrealtime.ResourceNotFound)
		}
		if _, ended, err := client.GetStage(context.Background(), nil).Poll(); !ended || !errors.Is(err, ivsrealtime.ValidationFailed) {
			t.Errorf("got %v, expected to be told at once what is missing", err)
		}
	})
}

func TestAsync_CancelEndsOnlyThatCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := asyncBuilt(t, asyncBuilder(slow(t, 3*time.Second)).MaxConcurrency(1))
		first, second, third := create(client, "first"), create(client, "second"), create(client, "third")
		synctest.Wait()
		second.Cancel() // which still waits for its turn
		if _, err := second.Wait(context.Background()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, expected to be cancelled", err)
		}
		first.Cancel() // which is under way
		if _, err := first.Wait(context.Background()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, expected to be cancelled", err)
		}
		if out, err := third.Wait(context.Background()); err != nil || out.Stage.Name != "third" {
			t.Errorf("got %v, expected the third to be answered", err)
		}
		third.Cancel()
		if _, err := third.Wait(context.Background()); err != nil {
			t.Errorf("got %v, expected a result to stay", err)
		}
	})
}

func TestAsync_BoundsConcurrencyAndQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under, maximum atomic.Int32
		answers := slow(t, time.Second)
		client := asyncBuilt(t, asyncBuilder(func(r *http.Request) (*http.Response, error) {
			if n := under.Add(1); n > maximum.Load() {
				maximum.Store(n)
			}
			defer under.Add(-1)
			return answers(r)
		}).MaxConcurrency(3).MaxPending(4))
		var calls []*ivsrealtime.Call[*ivsrealtime.CreateStageOutput]
		for i := range 9 {
			calls = append(calls, create(client, fmt.Sprint(i)))
			synctest.Wait() // so that they queue in this order
		}
		begun := time.Now()
		for i, c := range calls {
			_, err := c.Wait(context.Background())
			if refused := errors.Is(err, ivsrealtime.ErrTooManyCalls); refused != (i >= 7) {
				t.Errorf("call %d: got %v, expected the eighth and ninth to be refused", i, err)
			}
			if after := time.Since(begun); i < 7 && after != time.Duration(i/3+1)*time.Second {
				t.Errorf("call %d was answered after %v, expected three each second", i, after)
			}
		}
		if maximum.Load() != 3 {
			t.Errorf("%d calls were under way at once, expected 3", maximum.Load())
		}
		if _, err := create(client, "again").Wait(context.Background()); err != nil {
			t.Errorf("got %v, expected room for another call", err)
		}
		got := client.ServiceClientConfiguration()
		if got.MaxConcurrency() != 3 || got.MaxPending() != 4 {
			t.Errorf("got %d and %d from the configuration, expected 3 and 4", got.MaxConcurrency(), got.MaxPending())
		}
	})
}

func TestAsync_Then(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		client := asyncBuilt(t, asyncBuilder(slow(t, time.Second)))
		rename := func(ctx context.Context, out *ivsrealtime.CreateStageOutput) (string, error) {
			again, err := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: out.Stage.Name + "2"}).Wait(ctx)
			if err != nil {
				return "", err
			}
			return again.Stage.Name, nil
		}
		if name, err := ivsrealtime.Then(ctx, create(client, "a"), rename).Wait(ctx); name != "a2" || err != nil {
			t.Errorf("got %q, %v, expected a2", name, err)
		}

		failing := client.GetStage(ctx, nil)
		_, err := ivsrealtime.Then(ctx, failing, func(context.Context, *ivsrealtime.GetStageOutput) (int, error) {
			t.Error("next was called after a failure")
			return 0, nil
		}).Wait(ctx)
		if !errors.Is(err, ivsrealtime.ValidationFailed) {
			t.Errorf("got %v, expected the first call's error", err)
		}

		first := create(client, "b")
		second := ivsrealtime.Then(ctx, first, rename)
		synctest.Wait()
		second.Cancel()
		_, err1 := first.Wait(ctx)
		_, err2 := second.Wait(ctx)
		if !errors.Is(err1, context.Canceled) || !errors.Is(err2, context.Canceled) {
			t.Errorf("got %v and %v, expected both to be cancelled", err1, err2)
		}
	})
}

func TestAsync_All(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		client := asyncBuilt(t, asyncBuilder(slow(t, time.Second)))
		begun := time.Now()
		outs, err := ivsrealtime.All(ctx, client, create(client, "a"), create(client, "b")).Wait(ctx)
		if err != nil || len(outs) != 2 || outs[0].Stage.Name != "a" || outs[1].Stage.Name != "b" || time.Since(begun) != time.Second {
			t.Errorf("got %v, %v after %v, expected a and b together after 1s", outs, err, time.Since(begun))
		}
		if outs, err := ivsrealtime.All[int](ctx, client).Wait(ctx); err != nil || len(outs) != 0 {
			t.Errorf("got %v, %v of no calls, expected nothing", outs, err)
		}

		good := create(client, "c")
		bad := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{AutoParticipantRecordingConfiguration: &ivsrealtime.AutoParticipantRecordingConfiguration{}})
		if _, err := ivsrealtime.All(ctx, client, bad, good).Wait(ctx); !errors.Is(err, ivsrealtime.ValidationFailed) {
			t.Errorf("got %v, expected the failure of one", err)
		}
		if _, ended, err := good.Poll(); !ended || err != nil {
			t.Errorf("got ended: %t, %v, expected the other to have come to its end", ended, err)
		}

		d, e := create(client, "d"), create(client, "e")
		both := ivsrealtime.All(ctx, client, d, e)
		synctest.Wait()
		both.Cancel()
		_, errD := d.Wait(ctx)
		_, errE := e.Wait(ctx)
		if _, err := both.Wait(ctx); !errors.Is(err, context.Canceled) || !errors.Is(errD, context.Canceled) || !errors.Is(errE, context.Canceled) {
			t.Errorf("got %v, %v, %v, expected all to be cancelled", err, errD, errE)
		}
	})
}

func TestAsync_DrainWaitsForAcceptedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		client := asyncBuilt(t, asyncBuilder(slow(t, 2*time.Second)).MaxConcurrency(1))
		call, queued := create(client, "a"), create(client, "b")
		chained := ivsrealtime.Then(ctx, queued, func(ctx context.Context, _ *ivsrealtime.CreateStageOutput) (*ivsrealtime.CreateStageOutput, error) {
			return client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "c"}).Wait(ctx)
		})
		impatient, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := client.Drain(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, expected to run out of time", err)
		}
		if _, err := create(client, "late").Wait(ctx); !errors.Is(err, ivsrealtime.ErrClosed) {
			t.Errorf("got %v, expected new calls to be refused", err)
		}
		if err := client.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]*ivsrealtime.Call[*ivsrealtime.CreateStageOutput]{"a": call, "b": queued, "c": chained} {
			if out, ended, err := c.Poll(); !ended || err != nil || out.Stage.Name != name {
				t.Errorf("%s: got ended: %t, %v, expected success", name, ended, err)
			}
		}
		if _, err := client.Sync().ListStages(ctx, nil); !errors.Is(err, ivsrealtime.ErrClosed) {
			t.Errorf("got %v, expected the client beneath to be closed", err)
		}
	})
}

func TestAsync_CloseCancelsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := asyncBuilt(t, asyncBuilder(slow(t, time.Hour)).MaxConcurrency(1))
		calls := []*ivsrealtime.Call[*ivsrealtime.CreateStageOutput]{create(client, "a"), create(client, "b")}
		synctest.Wait()
		begun := time.Now()
		if err := errors.Join(client.Close(), client.Close(), client.Drain(context.Background())); err != nil || time.Since(begun) != 0 {
			t.Errorf("got %v after %v, expected to be closed at once", err, time.Since(begun))
		}
		for _, c := range append(calls, create(client, "late")) {
			if _, ended, err := c.Poll(); !ended || !errors.Is(err, ivsrealtime.ErrClosed) {
				t.Errorf("got ended: %t, %v, expected %v", ended, err, ivsrealtime.ErrClosed)
			}
		}
	})
}

func TestAsync_ManyCallsOverRealConnections(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"stage":{"name":%q}}`, bodyOf(t, r)["name"])
	}))
	defer server.Close()
	ctx := context.Background()
	client, err := ivsrealtime.NewAsyncClientBuilder().Region("eu-west-1").EndpointOverride(server.URL).MaxConcurrency(8).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")).Build(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	calls := make([]*ivsrealtime.Call[*ivsrealtime.CreateStageOutput], 500)
	for i := range calls {
		calls[i] = create(client, fmt.Sprint(i))
	}
	outs, err := ivsrealtime.All(ctx, client, calls...).Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i, out := range outs {
		if out.Stage.Name != fmt.Sprint(i) {
			t.Errorf("call %d got the answer of %s", i, out.Stage.Name)
		}
	}
}

func TestBuilders_HaveTheSameSettings(t *testing.T) {
	sync, async := reflect.TypeFor[*ivsrealtime.ClientBuilder](), reflect.TypeFor[*ivsrealtime.AsyncClientBuilder]()
	for m := range sync.Methods() {
		other, ok := async.MethodByName(m.Name)
		if !ok || m.Type.NumIn() != other.Type.NumIn() {
			t.Errorf("AsyncClientBuilder has no %s", m.Name)
			continue
		}
		if result := m.Type.Out(0); m.Name != "Build" && (result != sync || other.Type.Out(0) != async) {
			t.Errorf("%s gives %v, expected the builder", m.Name, result)
		}
		if strings.HasPrefix(m.Name, "Get") {
			t.Errorf("%s stutters", m.Name)
		}
	}
}
