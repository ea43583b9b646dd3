package stage

import (
	"time"

	"rostrum/internal/wire"
)

// sockets is what a session tells, and to whom.
type sockets struct {
	open         map[*Socket]*participant
	notices      []notice // of this batch
	stateChanged bool     // the state that all see has changed in this batch
	reordered    bool     // who may see what has changed: everybody needs the whole
	large        bool
	stateSent    time.Time // when a large audience was last told the whole state
	stateTimer   bool      // the whole state will be told soon

	sequence     uint64 // of the last message
	history      []historyEntry
	historyBytes int // bytes in history
}

type historyEntry struct {
	sequence uint64
	data     []byte
}

// A notice is a message before it is written.
type notice struct {
	to      *Socket // nil for all
	payload wire.Payload
	last    bool
}

// An audience of more than largeFrom is large until it is no more than
// smallFrom: viewers are then told of publishers alone, and the whole state no
// more often than each wholeEvery.
const (
	largeFrom     = 100
	smallFrom     = 80
	stateInterval = time.Second
)

// History is kept for those who reconnect.
const (
	maxHistory      = 512
	maxHistoryBytes = 512 << 10
)

// resume gives a newcomer what it missed since its last socket; false if that
// is no longer known.
func (a *sockets) resume(l *Socket) bool {
	if l.cfg.After == 0 || l.cfg.After > a.sequence {
		return false
	}
	if l.cfg.After < a.sequence && (len(a.history) == 0 || a.history[0].sequence > l.cfg.After+1) {
		return false
	}
	for _, n := range a.history {
		if n.sequence > l.cfg.After {
			l.cfg.Deliver(Message{Data: n.data})
		}
	}
	return true
}

func (a *sockets) addHistory(sequence uint64, data []byte) {
	a.history = append(a.history, historyEntry{sequence, data})
	a.historyBytes += len(data)
	for len(a.history) > maxHistory || a.historyBytes > maxHistoryBytes {
		a.historyBytes -= len(a.history[0].data)
		a.history = a.history[1:]
	}
}

// updateSize decides, when listeners come and go, whether the audience is large.
func (a *sockets) updateSize() {
	switch n := len(a.open); {
	case !a.large && n > largeFrom:
		a.large = true
	case a.large && n <= smallFrom:
		a.large, a.stateChanged, a.reordered = false, true, true
	}
}
