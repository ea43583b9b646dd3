// Package peer is the participant's own side of the wire: with nothing but a
// token it publishes to a stage (WHIP, RFC 9725), subscribes to its publishers
// (WHEP, draft-ietf-wish-whep) and listens to its events. It stands behind
// rostrum publish, subscribe and bench, and reaches any other WHIP or WHEP server
// by its URL.
//
// A Token is read, not verified: it says where to go. A Publication takes encoded
// frames through its Outlets, one a medium; a Subscription hands out the frames it
// received; Events tells who is there. What is sent comes from a file
// (package container) or is made up (package testpattern).
package peer
