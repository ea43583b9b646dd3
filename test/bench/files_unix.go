//go:build unix

package main

import "syscall"

// openFiles is how many descriptors we may have: Go has raised the bound as far as it goes.
func openFiles() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 1024
	}
	return int(l.Cur)
}
