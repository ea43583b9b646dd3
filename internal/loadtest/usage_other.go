//go:build !linux

package loadtest

// usageOf is unknown on this system.
func usageOf(int) usage { return usage{} }

func usageOfTree(int) usage { return usage{} }
