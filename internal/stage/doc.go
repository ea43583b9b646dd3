// Package stage is the life of the stages: who may enter (package authority), and what
// happens once they are in ([Registry]). It decides what a participant may do,
// keeps what happened in the store, and tells it to those who listen.
//
// # A session
//
// A Session is one sitting of a stage, from the first join until a while after
// the last leave. It is an actor: one goroutine, fed by an inbox, owns all that
// is known of the participants. Doors, the media engine and timers put functions
// in; what they do is in transition.go and transition_media.go.
//
//	         first join                 last leave, 30 s
//	(nobody) ──────────▶  running  ───────────────────────▶  over
//	                         │  stage deleted, node closing      ▲
//	                         └────────────────────────────────────┘
//
// The goroutine takes what has come as one batch. Transitions change what it
// knows at once, and note the rest: rows and events for the store, messages for
// the audience, answers for those who wait. At the end of the batch all rows and
// events are written in one transaction, and only then is anybody told. So what
// a client hears is kept already, the order is the same everywhere, and a
// thousand joins at once cost a handful of transactions.
//
// # A participant
//
// It is there while it has an events socket (Attendance) or a media Connection:
//
//	             attend, connectionOpened              kick, exchange refused
//	(arriving) ─────────────────────────▶  joined  ───────────────────────────▶ (left)
//	    │ refused                           │   ▲                               ▲   ▲
//	    ▼                     socket lost   ▼   │ any connection                │   │
//	 (nothing)              and nothing   grace, 10 s ──────────────────────────┘   │
//	                        else left         DELETE, clean close: nothing left ────┘
//
// A media transport counts as lost after the media engine has heard nothing for
// longer than the grace, so then nothing is waited for again.
//
// # What it publishes
//
//	arriveToPublish ▶ connectionOpened ▶ publishStarted ▶ connectionEnded
//	 slot taken        answered           first packet     slot given back
//
// A publication is real, and told, when the first packet flows. Of one
// participant there is one publication and, for each publisher, one
// subscription: a newer one takes over the older, whose reason is token-reused.
// Slots are counted before the offer is looked at, by the one goroutine, so no
// quota is ever overshot.
//
// # Who else is there
//
// Hidden participants are the server's own viewers: seen by nobody, kept
// nowhere, counted nowhere. Replicas are publishers of other stages; a
// replication (replica.go) ties the two sessions together, which only ever write
// into each other's inbox.
//
// # After a crash
//
// A node says every few seconds that it lives. What a dead one had open is
// closed as of when it was last seen (recovery.go), before this one serves.
package stage
