package server

import (
	"fmt"

	"rostrum/internal/inbound"
)

// withRemedy adds to an error of binding the setting to change, if another program uses the
// address.
func withRemedy(err error, setting string) error {
	if !inbound.InUse(err) {
		return err
	}
	return fmt.Errorf("%w: free the address, or set %s to another", err, setting)
}
