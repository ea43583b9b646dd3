package attack

import (
	"context"
	"io"
	"os"
	"time"

	"rostrum/internal/worker"
)

const fakeWorkerName = "rostrum-media"

// runFakeWorker speaks the protocol of a worker, and composes nothing.
func runFakeWorker() error {
	if _, _, err := worker.ReadJob(os.Stdin); err != nil {
		return err
	}
	reports := worker.NewReportWriter(os.Stdout)
	ctx, ended := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ended()
	}()
	err := reports.Write(worker.Report{Kind: worker.Ready})
	for n := int64(0); err == nil; n++ {
		select {
		case <-ctx.Done():
			return reports.Write(worker.Report{Kind: worker.Ended})
		case <-time.After(100 * time.Millisecond):
			err = reports.Write(worker.Report{Kind: worker.Heartbeat, Health: &worker.Health{Publishers: 1, Programs: []worker.ProgramHealth{{Ticks: n}}}})
		}
	}
	return err
}
