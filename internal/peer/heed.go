package peer

import (
	"context"
	"rostrum/internal/wire"
)

// Heed leaves out the layers of the outlets that nobody watches, as the server tells on the
// events socket. While that is broken, and once it has ended, all are sent. It returns as
// e.Run does, which it calls.
func Heed(ctx context.Context, e *Events, outlets ...*Outlet) error {
	rest := func(rids []string) {
		for _, o := range outlets {
			o.Rest(rids)
		}
	}
	e.broke = func() { rest(nil) }
	return e.Run(ctx, func(m wire.Message) {
		if unwatched, ok := m.Payload.(wire.LayersUnused); ok {
			rest(unwatched.Labels)
		}
	})
}
