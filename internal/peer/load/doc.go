// Package load meets a server with hundreds of viewers at the cost of few, so that
// what is measured is the server. A Receiver is one subscription on ICE, DTLS and
// SRTP directly, with one UDP socket; it opens only the packets it must look into.
// A Publisher sends a short clip again and again, of real frame sizes and keyframe
// structure, encoded once for all of them.
//
//	Crowd      what Receivers share: a certificate, and one clock for reports
//	Receiver   offer ▸ check ▸ handshake ▸ read, until Close
//	Tally      what a Receiver counted: packets, loss, added latency, waits
package load
