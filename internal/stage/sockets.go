package stage

import (
	"time"

	"rostrum/internal/wire"
)

// sockets are the open events sockets of a session, and what they are sent.
type sockets struct {
	open         map[*Socket]*participant
	notices      []notice  // of this batch
	stateChanged bool      // in this batch
	reordered    bool      // large has changed: all need the whole state
	large        bool      // only publishers are announced
	stateSent    time.Time // last, to all
	stateTimer   bool      // the state will be sent when it fires
	speaker      string    // participant who speaks, as last announced

	sequence     uint64 // of the last message
	history      []historyEntry
	historyBytes int
}

type historyEntry struct {
	sequence uint64
	data     []byte
}

// A notice is a message before it is encoded.
type notice struct {
	to      *Socket // nil for all
	payload wire.Payload
	last    bool
}

// More than largeFrom sockets are large until no more than smallFrom are left:
// clients are then sent publishers only, and the whole state no more often
// than each stateInterval.
const (
	largeFrom     = 100
	smallFrom     = 80
	stateInterval = time.Second
)

// The history is for clients that reconnect.
const (
	maxHistory      = 512
	maxHistoryBytes = 512 << 10
)

// resume sends a new socket what its client missed since its last one; false
// if that is no longer in the history.
func (s *sockets) resume(sock *Socket) bool {
	if sock.cfg.After == 0 || sock.cfg.After > s.sequence {
		return false
	}
	if sock.cfg.After < s.sequence && (len(s.history) == 0 || s.history[0].sequence > sock.cfg.After+1) {
		return false
	}
	for _, n := range s.history {
		if n.sequence > sock.cfg.After {
			sock.cfg.Deliver(Message{Data: n.data})
		}
	}
	return true
}

func (s *sockets) addHistory(sequence uint64, data []byte) {
	s.history = append(s.history, historyEntry{sequence, data})
	s.historyBytes += len(data)
	for len(s.history) > maxHistory || s.historyBytes > maxHistoryBytes {
		s.historyBytes -= len(s.history[0].data)
		s.history = s.history[1:]
	}
}

// updateSize updates large after a socket opened or closed.
func (s *sockets) updateSize() {
	switch n := len(s.open); {
	case !s.large && n > largeFrom:
		s.large = true
	case s.large && n <= smallFrom:
		s.large, s.stateChanged, s.reordered = false, true, true
	}
}
