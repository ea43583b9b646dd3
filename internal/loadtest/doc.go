// Package loadtest meets a server with hundreds of viewers at the cost of few, so that
// what is measured is the server. A Receiver is one subscription on ICE, DTLS and
// SRTP directly, with one UDP socket; it reports to the server all that a browser
// does, and opens only the packets it must look into. A Publisher sends a clip again
// and again, of the sizes and keyframe structure that an encoder's pictures have,
// paced as a browser paces them.
//
//	Meeting    publishers and viewers of one server; it measures
//	Crowd      what Receivers share: a certificate, and the loop that reads and reports
//	Receiver   offer ▸ check ▸ handshake ▸ arrived, until Close
//	Tally      what a Receiver counted: packets, loss, added latency, waits
//	Report     what all of them counted, and what the server's process used
package loadtest
