package stage_test

import (
	"fmt"
	"testing"

	"rostrum/internal/stage"
)

// BenchmarkOpenSocket measures a participant that joins a stage with others on it, and leaves.
func BenchmarkOpenSocket(b *testing.B) {
	r, s := newRegistry(b, stage.Config{})
	name := newStage(b, s)
	alone := stage.SocketConfig{Deliver: func(stage.Message) {}}
	if _, err := r.OpenSocket(grantFor(name, "host"), alone); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		a, err := r.OpenSocket(grantFor(name, fmt.Sprint("viewer", n)), alone)
		if err != nil {
			b.Fatal(err)
		}
		a.Close()
	}
}
