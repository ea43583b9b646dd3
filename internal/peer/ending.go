package peer

import "errors"

// An Ending says why a connection ended, which decides about reconnecting.
type Ending string

const (
	ClosedByUs    Ending = "ours"       // Close was called
	Lost          Ending = "lost"       // the server does not answer or goes away: reconnect, with backoff
	EndedByServer Ending = "dismissed"  // the server ended it and answers: try once to reconnect
	TakenOver     Ending = "taken-over" // another client uses the token: reconnecting would take over from it
)

// codeTakenOver is the error code of a connection that a newer one replaced.
const codeTakenOver = "TOKEN_REUSED"

func endingOf(cause error, reachable bool, code string) Ending {
	switch {
	case errors.Is(cause, errClosed):
		return ClosedByUs
	case code == codeTakenOver:
		return TakenOver
	case errors.Is(cause, errSilent) || !reachable:
		return Lost
	}
	return EndedByServer
}

// Ending says why the connection ended. It is set once Close has returned.
func (c *connection) Ending() Ending { return c.ending }
