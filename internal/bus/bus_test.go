package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"rostrum/internal/bus"
	"rostrum/ivsrealtime"
)

type question struct{ Name string }

// two returns the buses of two nodes, each of which reaches the other.
func two() (a, b *bus.Bus) {
	log := slog.New(slog.DiscardHandler)
	a, b = bus.New("a", log), bus.New("b", log)
	a.Connect(func(ctx context.Context, node, subject string, data []byte) ([]byte, error) {
		if node != "b" {
			return nil, errors.New("there is no such node")
		}
		return b.Receive(ctx, subject, data), nil
	})
	return a, b
}

func TestBus_CarriesRequestsAndTheirAnswers(t *testing.T) {
	a, b := two()
	for _, node := range []*bus.Bus{a, b} {
		node.Handle("greet", bus.Answer(func(_ context.Context, q question) (any, error) {
			switch q.Name {
			case "conflict":
				return nil, ivsrealtime.Errorf(ivsrealtime.Conflict, "it is taken")
			case "failure":
				return nil, errors.New("a secret is in this text")
			}
			return "hello " + q.Name, nil
		}))
	}
	for _, to := range []string{"a", "b"} {
		var answer string
		if err := a.Request(t.Context(), to, "greet", question{"you"}, &answer); err != nil || answer != "hello you" {
			t.Errorf("%s answers %q, %v", to, answer, err)
		}
		err := a.Request(t.Context(), to, "greet", question{"conflict"}, nil)
		if !errors.Is(err, ivsrealtime.Conflict) {
			t.Errorf("%s answers a conflict with %v", to, err)
		}
		var failure *ivsrealtime.Error
		if err = a.Request(t.Context(), to, "greet", question{"failure"}, nil); !errors.As(err, &failure) || failure.Message != "another node failed to answer" {
			t.Errorf("%s answers a failure with %v", to, err)
		}
		if err := a.Request(t.Context(), to, "unknown", question{}, nil); err == nil {
			t.Errorf("%s answers what it does not know", to)
		}
	}
}

func TestBus_SaysThatANodeIsUnreachable(t *testing.T) {
	a, b := two()
	for from, node := range map[*bus.Bus]string{a: "c", b: "a"} {
		if err := from.Request(t.Context(), node, "greet", question{}, nil); !errors.Is(err, bus.ErrUnreachable) {
			t.Errorf("%s answers %v", node, err)
		}
	}
}

func TestAnswer_RefusesWhatIsNotJSON(t *testing.T) {
	h := bus.Answer(func(context.Context, question) (any, error) { return nil, nil })
	if _, err := h(t.Context(), []byte("{")); err == nil {
		t.Error("it was answered")
	}
}
