package inbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// Listen binds a TCP address. The error for one in use names its process, if it can be known.
func Listen(ctx context.Context, at string, c ListenerConfig) (*Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", at)
	if err == nil {
		return NewListener(l, c), nil
	}
	resolved, unresolved := net.ResolveTCPAddr("tcp", at)
	if unresolved != nil {
		return nil, err
	}
	return nil, NameOwner(err, "tcp", resolved.AddrPort())
}

// InUse reports whether an address could not be bound because a process has it.
func InUse(err error) bool { return errors.Is(err, errInUse) }

// NameOwner adds to an error of binding, if it says that the address is in use, which process
// has it. network is "tcp" or "udp".
func NameOwner(err error, network string, at netip.AddrPort) error {
	if !InUse(err) {
		return err
	}
	pid, name := Owner(network, at)
	switch {
	case pid == 0:
		return err
	case pid == os.Getpid():
		return fmt.Errorf("%w by another listener of this server", err)
	}
	return fmt.Errorf("%w by %s (pid %d)", err, name, pid)
}
