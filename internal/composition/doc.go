// Package composition is the life of a composition and of each of its
// destinations: it owns the process of rostrum-media that composes, keeps what
// happens, and brings recordings into their bucket.
//
// # A composition
//
// It is an actor: one goroutine (composition.go) hears the worker, the recordings,
// a clock and whoever wants it stopped. Each change of state and the event that
// tells of it are one transaction, and all of them stand in transition.go.
//
//	             first destination ACTIVE         StopComposition, nobody publishes
//	             (Session Start)                  for 60 s, longest duration
//	STARTING ─────────────────────────▶ ACTIVE ─────────────────────────▶ STOPPING ──▶ STOPPED
//	   │                                   │                                  │      (Session End)
//	   └── stage deleted, no destination ──┴──────────────────────────────────┴─────▶ FAILED
//	       left, worker can't be kept up                                         (Session Failure)
//
// # A destination
//
// It is up while the worker writes and what it wrote gets where it belongs.
//
//	            up                    not up                 STOPPING: what was written
//	STARTING ───────▶ ACTIVE ───────────────────▶ RECONNECTING       is brought away
//	            (Destination Start)  (Destination    │                    │
//	               ▲                  Reconnecting)  │                    ▼
//	               └────────── up ───────────────────┘                 STOPPED
//	                                                              (Destination End)
//	no such bucket, access denied, or nothing got through for too long ──▶ FAILED
//	                                                         (Destination Failure)
//
// # The worker
//
// One process for each composition, told over the channel of package job. One that
// exits, or whose heartbeat is missing, is replaced at once; if that happens again
// and again, later and later, and in the end the composition fails. A recording goes
// on in the same playlist, after a discontinuity.
//
// # The spool
//
// A worker records into a folder of this machine. What appears there is brought into
// the bucket and removed; playlists stay, since the next worker goes on with them.
// The folder is the queue, so nothing is forgotten however anything ends. While the
// bucket doesn't answer the folder grows, up to a bound.
//
// # When this server stops
//
// Closing leaves compositions as they are: the next start, or another node, adopts
// those that no living node holds, with new workers.
package composition
