package inbound

import "runtime"

// Bounds that hold however many descriptors there are.
const (
	maxHTTP  = 50_000
	maxAdmin = 1000
	maxRTMP  = 2000
	maxMedia = 10_000

	minShare = 8
)

// Shares bounds the connections of each port.
type Shares struct {
	HTTP  int // at the main address
	Admin int // at the address of metrics and profiles
	RTMP  int // with RTMPS
	Media int // by TCP: ICE-TCP and TURN
}

// Divide gives each port its share of so many file descriptors. The shares together leave an
// eighth, and what the media sockets and the database need, to files, workers and outgoing
// connections. With very few descriptors each port still takes some connections, at the expense
// of that rest.
func Divide(descriptors int) Shares {
	media := min(8*runtime.GOMAXPROCS(0), descriptors/8) // shards' sockets
	free := descriptors - descriptors/8 - 128 - media
	share := func(parts, maximum int) int { return min(max(free/16*parts, minShare), maximum) }
	return Shares{HTTP: share(8, maxHTTP), Media: share(4, maxMedia), RTMP: share(2, maxRTMP), Admin: share(1, maxAdmin)}
}
