//go:build !linux

package doctor

// checkSystem has one finding where media use plain sockets: no setting of such a system
// matters.
func checkSystem() []Finding {
	return []Finding{{Check: "media sockets", State: Warning, Found: "each packet needs a system call", Remedy: "use Linux to serve many viewers"}}
}
