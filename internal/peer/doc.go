// Package peer is a participant in Go: with a token it publishes to a stage (WHIP, RFC
// 9725), subscribes to its publishers (WHEP, draft-ietf-wish-whep) and receives its events.
// rostrum publish, subscribe and bench use it, and compositions. It also works with other
// WHIP and WHEP servers, by their URLs.
//
// A Token is read, not verified: it has the server's addresses. A Publication sends encoded
// frames from its Outlets, one for each medium; a Subscription returns received frames;
// Events returns the messages of the events socket. What is sent comes from a file (package
// container) or is generated (package testpattern).
package peer
