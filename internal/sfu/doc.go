// Package sfu is the media engine: it receives what participants publish and forwards
// it, packet by packet, to those who watch. It knows neither stages nor tokens; rooms
// above hand it SDP offers and plain ids.
//
// # The parts
//
//	Engine        one UDP port (and TCP on the same number), the Shards, the certificate
//	  Router      the switchboard of one live session
//	    Publisher   what one participant sends: a Transport and at most one audio and one video Track
//	      Track       one medium: its Layers
//	        Layer       one encoding as the publisher sent it: numbers, losses, keyframes, rate
//	    Viewer      one receiver: all its Subscribers share one path and so one allotment
//	      Subscriber  what the Viewer takes from one Publisher: a Transport and its Subscriptions
//	        Subscription  the claim on one Track: wished, target and current layer
//	          Forwarder     the pure rule: which packets pass, under which number
//
// # A packet's way
//
// A Shard is one thread with its own sockets. A Transport belongs to the shard on which its
// first authenticated check arrived, for the kernel will bring that peer's packets there
// again; what strays to another shard is handed home. So everything about a Transport is
// touched by one thread and nothing is locked.
//
// What a publisher sent within about a millisecond is one Burst: opened, parsed once, kept
// in the Layer's Ring, then given to every shard that has subscribers of this Publisher. On
// each such shard a feed has its own Ring of the same payloads and the list of Subscribers.
// Per Subscriber and packet there remain the Forwarder's arithmetic, a twelve-byte header
// and the cipher, straight into the shard's send buffer; then one send with UDP_SEGMENT.
// Payloads live in slabs that are written once and left to the garbage collector, so Ring,
// shards and Sinks share them without counting.
//
// # Who ends whom
//
// Closing goes downward: Engine, Router, Publisher and Subscribers, Transport. A Publisher's
// end ends its Subscribers with cause PublisherGone. A Transport that dies by itself tells
// its owner once, by the Closed event. Events arrive in order on a goroutine of their
// Router, never on a shard; a slow listener delays its own Router's events and no packet.
//
// # Where to look
//
//	stun.go, transport_*.go, package sdp   how a peer gets in
//	layer.go, ring.go, loss.go          what a publisher's packets go through
//	forwarder.go, feed.go, subscription.go  what a viewer's packets go through
//	cover.go                            sound whose packets carry those before them
//	allot.go, unwatched.go              who gets which layer
//	hush.go, uplink.go                  layers that publishers leave out, by themselves or told to
//	shard*.go, socket*.go               threads and sockets
//	drop.go                             why a packet went no further
package sfu
