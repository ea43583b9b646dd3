package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rostrum/internal/config"
	"rostrum/internal/inbound"
)

// A base is what all parts of a server share.
type base struct {
	settings *config.Settings
	log      *slog.Logger
	metrics  *prometheus.Registry
	panics   *inbound.Panics
	opened   []io.Closer // in the order in which they were opened
}

func newBase(s *config.Settings, log *slog.Logger) *base {
	metrics := prometheus.NewRegistry()
	return &base{settings: s, log: log, metrics: metrics, panics: inbound.NewPanics(log, metrics)}
}

// closeLater has Close close parts.
func (b *base) closeLater(parts ...io.Closer) { b.opened = append(b.opened, parts...) }

// slowClose is how long a part may take to close before the log names it.
const slowClose = time.Second

// Close closes the parts in reverse order and joins their errors. A listener that was served
// is closed already.
func (b *base) Close() (err error) {
	for _, part := range slices.Backward(b.opened) {
		began := time.Now()
		closing := part.Close()
		if took := time.Since(began); took > slowClose {
			b.log.Warn("a part of the server was slow to close", "part", fmt.Sprintf("%T", part), "took", took.Round(time.Millisecond))
		}
		if !errors.Is(closing, net.ErrClosed) {
			err = errors.Join(err, closing)
		}
	}
	return err
}
