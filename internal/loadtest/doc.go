// Package loadtest loads a server with hundreds of viewers that need little CPU time, so
// that the server is what is measured. A Receiver is one subscription, directly on ICE, DTLS
// and SRTP with one UDP socket. It sends all feedback that a browser sends, and decrypts
// only the packets whose content it needs. A Publisher repeats a clip with the sizes and
// keyframes of an encoder's pictures, paced as in browsers.
//
//	Encoder         a publisher by RTMP, with AAC
//	Load            publishers and viewers of one server; it measures
//	Pool            shared by Receivers: a certificate, and the loop that reads and reports
//	Receiver        offer ▸ check ▸ handshake ▸ media, until Close
//	ReceiverStats   of a Receiver: packets, loss, added latency, join times
//	Report          of all Receivers, and what the server's process used
package loadtest
