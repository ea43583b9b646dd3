//go:build !linux

package loadtest

// usageOf knows nothing: there is no common way to ask.
func usageOf(int) usage { return usage{} }
