//go:build cgo

package mediajob

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"testing"

	"rostrum/internal/worker"
)

// runStream has a job read one stream of inputs, and returns its answers.
func runStream(t *testing.T, job func(context.Context, io.Reader, io.Writer) error, config []byte, inputs []worker.StreamMessage) (answers []worker.StreamMessage) {
	t.Helper()
	var in bytes.Buffer
	w := bufio.NewWriter(&in)
	write := func(m worker.StreamMessage) {
		m.Stream = 1
		if err := worker.WriteStreamMessage(w, m); err != nil {
			t.Fatal(err)
		}
	}
	write(worker.StreamMessage{Kind: worker.StreamOpen, Data: config})
	for _, m := range inputs {
		m.Kind = worker.StreamInput
		write(m)
	}
	_ = w.Flush() // into memory
	from, to := io.Pipe()
	go func() {
		to.CloseWithError(job(t.Context(), &in, to))
	}()
	for r := bufio.NewReader(from); ; {
		m, err := worker.ReadStreamMessage(r)
		if err == io.EOF {
			return answers
		}
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, m)
	}
}
