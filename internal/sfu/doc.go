// Package sfu is the media engine, a selective forwarding unit: it receives what participants
// publish and forwards it, packet by packet, to those who subscribe. It knows neither stages
// nor tokens; its callers pass in SDP offers and ids.
//
// # Parts
//
//	Engine        one UDP port (and the same TCP port), the shards, the DTLS certificate
//	  Router        one live session
//	    Publisher     what one participant sends: a Transport, and at most one audio and one video Track
//	      Track         audio or video: its Layers
//	        Layer         one encoding, as the publisher sends it: numbers, losses, keyframes, bitrate
//	    Viewer        one receiver: its Subscribers share one network path
//	      Subscriber    what the Viewer receives from one Publisher: a Transport and its Subscriptions
//	        Subscription  one Track for one receiver: preferred, target and current layer
//	          Forwarder     which packets pass, and with which numbers
//	burst         packets that are forwarded together
//	shard         one packet thread with its sockets, and the transports that it owns
//	fanOut        one Publisher's packets on one shard, and its Subscribers there
//	allocator     chooses the target layer of each Subscription
//	Drop          why a packet went no further: a closed list, each a metric label
//
// Times are durations since the engine started, on its monotonic clock. Bitrates are in bits
// per second.
//
// # The path of a packet
//
// A shard is one thread with its own sockets. A Transport belongs to the shard on which its
// first valid check arrived, because the kernel will pass that peer's packets to the same
// socket. A datagram that arrives on another shard is passed to the right one. So one thread
// uses each Transport, and nothing is locked.
//
// What a publisher sent within about a millisecond is one burst. Its packets are decrypted and
// parsed once, stored in the Layer's Ring, and passed to every shard that has subscribers of
// the Publisher. There a fanOut has Rings for the same payloads, and the list of Subscribers.
// For each Subscriber and packet there remain the Forwarder's arithmetic, a twelve-byte
// header, and the encryption, directly into the shard's send buffer; then one system call with
// UDP_SEGMENT for many packets. Payloads are in slabs, which are written once and freed by the
// garbage collector, so Rings, shards and Sinks share them without reference counts. Nothing on
// this path allocates, locks or logs.
//
// # Lifetimes
//
// Closing goes downward: Engine, Router, Publisher and Subscribers, Transport. When a Publisher
// ends, its Subscribers end with CausePublisherGone. A Transport that ends by itself sends its
// Closed event once. Events are delivered in order by a goroutine of their Router, never by a
// shard. A slow receiver of events delays only the events of its own Router.
//
// # Where to look
//
//	transport_ice.go, transport_dtls.go     how a peer connects
//	publisher_receive.go, layer.go          how a packet is received and stored
//	layer_keyframe.go                       where a decoder can begin, and with which parameter sets
//	forwarder.go, sequence_mapping.go       how a packet is renumbered
//	fan_out.go, subscriber_send.go          how a packet is sent
//	subscription_repair.go, loss_detector.go  retransmissions in both directions
//	viewer_allocate.go, subscription_target.go  how a layer is chosen, and how it is entered
//	frame_intervals.go, receive_estimator.go  layers that publishers stop by themselves
//	unused_layers.go                        layers that no viewer uses (dynacast)
//	layer_red.go, red_switch.go             redundant audio
//	turn_server.go, tcp_conn.go             TURN and ICE-TCP
//	shard_run.go, socket_linux.go           threads and sockets
package sfu
