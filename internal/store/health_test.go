package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rostrum/internal/arn"
	"rostrum/ivsrealtime"
)

func TestCheck_TellsThatWritesDoNotGetThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), Config{Ephemeral: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		expect := func(when string, well bool) {
			t.Helper()
			if err := s.Check(t.Context()); (err == nil) != well {
				t.Errorf("%s: expected well %v, saw %v", when, well, err)
			}
		}
		limitPages := func(pages int) {
			write(t, s, func(tx *Tx) error {
				_, err := tx.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
				return err
			})
		}
		fill := func(ctx context.Context) {
			t.Helper()
			err := s.Write(ctx, func(tx *Tx) error {
				return tx.Stages().Create(&ivsrealtime.Stage{ARN: newARN(arn.Stage, here), Name: strings.Repeat("x", 1<<20)})
			})
			if err == nil {
				t.Fatal("a write got through that exceeds the limit")
			}
		}
		expect("at first", true)
		limitPages(1)
		fill(t.Context())
		expect("when a write has just failed", true)
		time.Sleep(outOfOrderAfter + time.Second)
		fill(t.Context())
		expect("when all have failed for a while", false)

		aborted := errors.New("the function's own")
		if err := s.Write(t.Context(), func(*Tx) error { return aborted }); !errors.Is(err, aborted) {
			t.Fatal(err)
		}
		expect("when one was refused by its own function meanwhile", false)
		limitPages(1 << 30)
		expect("when one has got through", true)

		gone, leave := context.WithCancel(t.Context())
		leave()
		_ = s.Write(gone, func(*Tx) error { return nil })
		_ = s.Write(t.Context(), func(*Tx) error { return aborted })
		time.Sleep(outOfOrderAfter + time.Second)
		expect("when those that failed failed by themselves", true)
	})
}
