package ivsrealtime_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/ivsrealtime"
)

const compositionARN = "arn:aws:ivs:eu-west-1:111122223333:composition/Ab3dEf6hIj9k"

// states answers with a composition in each state in its turn.
func states(all ...ivsrealtime.CompositionState) (fake, *int) {
	var answers []func() (*http.Response, error)
	for _, s := range all {
		answers = append(answers, with(func() *http.Response {
			return answer(200, fmt.Sprintf(`{"composition":{"arn":%q,"state":%q}}`, compositionARN, s))
		}))
	}
	return inTurn(answers...)
}

func TestWaiters(t *testing.T) {
	active := (*ivsrealtime.Client).WaitUntilCompositionActive
	stopped := (*ivsrealtime.Client).WaitUntilCompositionStopped
	const starting, running, stopping, failed, over = ivsrealtime.CompositionStarting, ivsrealtime.CompositionActive, ivsrealtime.CompositionStopping, ivsrealtime.CompositionFailed, ivsrealtime.CompositionStopped
	for name, c := range map[string]struct {
		wait   func(*ivsrealtime.Client, context.Context, *ivsrealtime.GetCompositionInput, ivsrealtime.WaitOptions) (*ivsrealtime.Composition, error)
		states []ivsrealtime.CompositionState
		ends   ivsrealtime.CompositionState
		err    string
	}{
		"active at once":         {active, []ivsrealtime.CompositionState{running}, running, ""},
		"active after a while":   {active, []ivsrealtime.CompositionState{starting, starting, running}, running, ""},
		"failed":                 {active, []ivsrealtime.CompositionState{starting, failed}, failed, "composition " + compositionARN + " is FAILED, it will not become ACTIVE"},
		"stopped too early":      {active, []ivsrealtime.CompositionState{over}, over, "composition " + compositionARN + " is STOPPED, it will not become ACTIVE"},
		"never active":           {active, []ivsrealtime.CompositionState{starting}, starting, "composition " + compositionARN + " is STARTING after 5m0s, not yet ACTIVE"},
		"stopped":                {stopped, []ivsrealtime.CompositionState{running, stopping, over}, over, ""},
		"failed before it could": {stopped, []ivsrealtime.CompositionState{stopping, failed}, failed, "composition " + compositionARN + " is FAILED, it will not become STOPPED"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, asked := states(c.states...)
				begun := time.Now()
				got, err := c.wait(built(t, builder(f)), context.Background(), &ivsrealtime.GetCompositionInput{ARN: compositionARN}, ivsrealtime.WaitOptions{})
				var not *ivsrealtime.CompositionWaitError
				switch {
				case c.err == "":
					if err != nil || got.State != c.ends || *asked != len(c.states) {
						t.Errorf("got %+v, %v after %d questions, expected %s after %d", got, err, *asked, c.ends, len(c.states))
					}
				case !errors.As(err, &not) || not.Composition.State != c.ends || err.Error() != c.err:
					t.Errorf("got %v, expected %s", err, c.err)
				case errors.Is(err, context.DeadlineExceeded) != (c.ends == starting):
					t.Errorf("got %v, which is a deadline: %t", err, errors.Is(err, context.DeadlineExceeded))
				}
				if c.ends == starting && (time.Since(begun) != 5*time.Minute || *asked < 21 || *asked > 44) {
					t.Errorf("asked %d times in %v, expected some thirty times in 5m", *asked, time.Since(begun))
				}
			})
		})
	}
}

func TestWaiters_EndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := states(ivsrealtime.CompositionStarting)
		client := asyncBuilt(t, asyncBuilder(f))
		call := client.WaitUntilCompositionActive(context.Background(), &ivsrealtime.GetCompositionInput{ARN: compositionARN}, ivsrealtime.WaitOptions{})
		time.Sleep(10 * time.Second)
		call.Cancel()
		if _, err := call.Wait(context.Background()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, expected to be cancelled", err)
		}
		lost, _ := inTurn(with(func() *http.Response { return refusal(404, ivsrealtime.ResourceNotFound) }))
		stopped := asyncBuilt(t, asyncBuilder(lost)).WaitUntilCompositionStopped(context.Background(), &ivsrealtime.GetCompositionInput{ARN: compositionARN}, ivsrealtime.WaitOptions{})
		if _, err := stopped.Wait(context.Background()); !errors.Is(err, ivsrealtime.ResourceNotFound) {
			t.Errorf("got %v, expected the service's error", err)
		}
	})
}
