package realtime

import (
	"errors"
	"fmt"
)

// Why a media connection ended, besides a *Problem. Compare with errors.Is.
var (
	// ErrClosed is the cause of an end on this side.
	ErrClosed = errors.New("closed")
	// ErrLost is the cause of an end by the network, or of a server that stopped.
	ErrLost = errors.New("the media connection was lost: the server does not answer")
	// ErrEnded is the cause of an end by the server, which still answers.
	ErrEnded = errors.New("the server ended the media connection")
)

// endingOf adds to the cause of an end what the server answered when it was asked to end the
// connection.
func endingOf(cause error, reachable bool, code Code) error {
	switch {
	case errors.Is(cause, ErrClosed):
		return ErrClosed
	case code == TokenReused:
		return fmt.Errorf("%w: %w", cause, code)
	case errors.Is(cause, ErrLost) || !reachable:
		return ErrLost
	}
	return cause
}
