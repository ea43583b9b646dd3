//go:build cgo

package compose

import "flag"

var cost = flag.Bool("cost", false, "measure what composing costs and how soon things are seen, alone on the machine")

// measured tells that nothing else runs, so that promises of time are judged.
func measured() bool { return *cost }
