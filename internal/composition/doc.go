// Package composition runs compositions: it starts a rostrum-media process for each one,
// stores the states of the composition and its destinations, and has recordings uploaded.
//
// # A composition
//
// It is an actor: one goroutine (composition.go) handles the worker's reports, the
// recorders' updates, a clock, and requests to stop. Each change of state and its event
// are one transaction, and all of them are in composition_state.go.
//
//	             first destination ACTIVE         StopComposition, nobody publishes
//	             (Session Start)                  for 60 s, maximum duration
//	STARTING ─────────────────────────▶ ACTIVE ─────────────────────────▶ STOPPING ──▶ STOPPED
//	   │                                   │                                  │      (Session End)
//	   └── stage deleted, no destination ──┴──────────────────────────────────┴─────▶ FAILED
//	       left, workers fail repeatedly                                         (Session Failure)
//
// # A destination
//
// It is up while the worker writes to it and, for a recording, the bucket takes the files.
//
//	            up                    not up                 STOPPING: what was written
//	STARTING ───────▶ ACTIVE ───────────────────▶ RECONNECTING       is uploaded
//	            (Destination Start)  (Destination    │                    │
//	               ▲                  Reconnecting)  │                    ▼
//	               └────────── up ───────────────────┘                 STOPPED
//	                                                              (Destination End)
//	no such bucket, access denied, or interrupted for too long ──▶ FAILED
//	                                                         (Destination Failure)
//
// # The worker
//
// There is one process for each composition (package worker). A process that exits or
// hangs is replaced at once, then after growing delays; in the end the composition fails.
// A recording continues in the same playlist, after a discontinuity (package recorder).
//
// # When the server stops
//
// Close leaves compositions as they are. The next start, or another node, takes those that
// no living node holds and runs them with new workers.
package composition
