// Package stage runs the live stages of this node. A [Registry] holds one
// session for each stage that somebody is on. A session decides what a
// participant may do, stores what happens with its events, and notifies the
// participants.
//
// # A session
//
// A Session lasts from the first join of a stage until a while after the last
// leave. It is an actor: one goroutine, fed by an inbox, owns all state of the
// participants. HTTP handlers, the media engine and timers post functions to the
// inbox; what these do is in the files session_*.go.
//
//	         first join                 last leave, 30 s
//	(nobody) ──────────▶  running  ───────────────────────▶  ended
//	                         │  stage deleted, node closing      ▲
//	                         └────────────────────────────────────┘
//
// The goroutine runs what the inbox holds as one batch. Each function changes
// the state at once and adds its consequences to the batch: rows and events for
// the store, messages for the events sockets, results for callers that wait. At
// the end of the batch one transaction writes all rows and events; messages and
// results are sent after it. So a client never gets a message about something
// that is not stored, the order is the same for all, and a thousand joins at
// once cost a handful of transactions.
//
// # A participant
//
// It is present while it has an events socket (Socket) or a media Connection:
//
//	            openSocket, connectionOpened       disconnect, exchange refused
//	(request) ─────────────────────────────▶ joined ─────────────────────────▶ (left)
//	    │ refused                           │   ▲                             ▲   ▲
//	    ▼                     socket lost   ▼   │ any connection              │   │
//	 (nothing)              and nothing   grace, 10 s ────────────────────────┘   │
//	                        else left         DELETE, clean close: nothing left ──┘
//
// The media engine reports a transport as lost after it received nothing for
// longer than the grace, so the session does not wait again.
//
// # What it publishes
//
//	beginPublish ▶ connectionOpened ▶ publishStarted ▶ connectionEnded
//	slot acquired     answered         first packet      slot released
//
// A publication counts, and is announced, once the first packet flows. A
// participant has one publication and, for each publisher, one subscription: a
// newer one replaces the older, which ends with the reason token-reused. The
// session's goroutine acquires slots before the offer is parsed, so no quota is
// ever exceeded.
//
// # Hidden participants and replicas
//
// Hidden participants are the server's own viewers: they are not announced,
// stored or counted. Replicas are publishers of other stages; a replication
// connects the two sessions, which only post to each other's inbox.
//
// # Redundant ingest
//
// Two encoders of one ingest configuration are two physical participants, of
// which the API, events and metrics know. Others see one virtual participant,
// whose publisher gets the frames of one encoder at a time (failover).
//
// # Dead nodes
//
// What a dead node had open is closed as of its last heartbeat
// (registry_cleanup.go, package node).
package stage
