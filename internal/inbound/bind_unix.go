//go:build unix

package inbound

import "syscall"

const errInUse = syscall.EADDRINUSE
