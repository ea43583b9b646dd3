package stage_test

import (
	"context"
	"fmt"
	"testing"

	"rostrum/internal/stage"
)

// BenchmarkJudge is what each request of a participant pays for the question whether its
// token is still good.
func BenchmarkJudge(b *testing.B) {
	s := newStore(b)
	a := newAuthority(b, s)
	name := newStage(b, s, account, region)
	raw, err := a.Issue(claimsFor(name))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Judge(context.Background(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAttend is a participant who joins a stage with others on it, and leaves.
func BenchmarkAttend(b *testing.B) {
	r, s := newRegistry(b, stage.Config{})
	name := newStage(b, s, account, region)
	alone := stage.Attending{Deliver: func(stage.Message) {}}
	if _, err := r.Attend(grantFor(name, "host"), alone); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		a, err := r.Attend(grantFor(name, fmt.Sprint("viewer", n)), alone)
		if err != nil {
			b.Fatal(err)
		}
		a.Leave()
	}
}
