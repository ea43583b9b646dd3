package sfu

import "rostrum/internal/media"

// A Sink takes the packets of one subscription, in the order they are sent.
//
// Write must not block: a sink that can't keep up drops, and counts what it
// dropped. It may keep p.Payload, which nobody changes.
type Sink interface {
	Write(p media.Packet) error
}
