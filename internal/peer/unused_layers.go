package peer

import (
	"context"
	"rostrum/internal/wire"
)

// PauseUnusedLayers pauses the layers of the outlets that have no viewer, as the events
// socket says. While that is disconnected, and once it has ended, all are sent. It calls
// e.Run and returns as that does.
func PauseUnusedLayers(ctx context.Context, e *Events, outlets ...*Outlet) error {
	pause := func(rids []string) {
		for _, o := range outlets {
			o.PauseLayers(rids)
		}
	}
	e.disconnected = func() { pause(nil) }
	return e.Run(ctx, func(m wire.Message) {
		if unused, ok := m.Payload.(wire.LayersUnused); ok {
			pause(unused.Labels)
		}
	})
}
