package peer

import "errors"

// An Ending says whose doing the end of a connection was, and so whether to come back.
type Ending string

const (
	Ours      Ending = "ours"       // we closed it
	Lost      Ending = "lost"       // the server fell silent or goes away: come back, with patience
	Dismissed Ending = "dismissed"  // the server ended it and is there: ask once whether we may come back
	TakenOver Ending = "taken-over" // another client has our token: coming back would take over from it
)

// codeTakenOver is what a server of ours says of a connection that a newer one replaced.
const codeTakenOver = "TOKEN_REUSED"

func endingOf(cause error, there bool, code string) Ending {
	switch {
	case errors.Is(cause, errClosed):
		return Ours
	case code == codeTakenOver:
		return TakenOver
	case errors.Is(cause, errSilent) || !there:
		return Lost
	}
	return Dismissed
}

// Ending says, once Close has returned, whose doing the end was.
func (c *connection) Ending() Ending { return c.ending }
