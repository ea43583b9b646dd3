// Package job is what a supervisor and the program rostrum-media say to each other.
//
// One process of rostrum-media compose does one Job. The supervisor writes the Job
// as JSON on the process's standard input and leaves it open: its end, like SIGTERM,
// is the wish to stop. The process answers with Reports, one JSON object a line, on
// standard output. That is the whole channel; media goes the public way, with the
// Job's token. So a supervisor may be on another machine, given a pipe.
//
//	supervisor                         rostrum-media compose
//	Job ──stdin──▶
//	                      ◀──stdout──  log …
//	                      ◀──────────  ready             it is on the stage and composes
//	                      ◀──────────  destination ACTIVE
//	                      ◀──────────  file …            of HLS: to be taken away
//	                      ◀──────────  heartbeat         once a second
//	                      ◀──────────  destination RECONNECTING, ACTIVE, FAILED
//	end of stdin ──▶
//	                      ◀──────────  destination STOPPED
//	                      ◀──────────  ended             the last line; then exit 0
//
// A process that was told to stop is gone within StopTime. One whose heartbeat is
// missing for HeartbeatLimit hangs, and is to be killed. One that exits without
// ended has crashed: start another with the same Job. An HLS destination with the
// same directory goes on with its playlist, after a discontinuity; an RTMP
// destination connects again.
//
// The process ends by itself, with ended and its Reason, when it may not be on the
// stage any more, and when no destination is left. That nobody publishes is in the
// heartbeat: how long a composition lives without publishers is not its decision.
package job
