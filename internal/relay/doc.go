// Package relay makes a publisher of another node one of this node's media engine, and never
// relays it further.
//
// # Associations
//
// Two nodes have an association: encrypted datagrams between the UDP ports of both. The node that
// needs it asks the other on the bus, whose TLS proves that both have the key of the database.
// Both contribute a random secret; a key for each direction is derived from the two.
//
//	datagram   version, association, counter | encrypted: frame, frame, … | tag
//
// The version is one byte, the association the receiver's four-byte name of it, the counter eight
// bytes that never repeat. All three are authenticated. The receiver decrypts nothing whose
// counter it had, or that is older than a window. An association ends when nothing authentic
// arrived for silenceLimit.
//
// # Streams
//
// A stream is one relayed publisher on an association. The receiver opens it on the bus, which
// answers with the tracks, and then wishes for it with frames, at least every wishInterval: nothing
// flows before the first wish, and the stream ends when wishes cease. A wish says which layers
// nobody needs. Packets keep the sequence numbers that they have in the source's media engine, so
// the receiver finds what is missing and requests that from the source's memory. Keyframe requests
// reach the source's media engine like those of viewers, which spaces them.
//
// Loss of any frame is harmless: packets are requested again, clocks, wishes and pings repeated.
package relay
