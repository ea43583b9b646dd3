package server

import (
	"errors"
	"fmt"
	"io/fs"

	"rostrum/internal/inbound"
)

// withRemedy adds to an error of binding what to change, if another program uses the address or
// this user may not have the port.
func withRemedy(err error, setting string) error {
	switch {
	case inbound.InUse(err):
		return fmt.Errorf("%w: free the address, or set %s to another", err, setting)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: allow this user ports below 1024 (CAP_NET_BIND_SERVICE), or set %s to another address", err, setting)
	}
	return err
}
