// Package worker runs one supervised rostrum-media process, by the job protocol that the
// process speaks.
//
// # The process
//
// Start begins a process with a Job, in a process group of its own, without this
// process's credentials, with bounds on its memory and its log. A process whose output
// clocks stand still for HeartbeatLimit is killed. Its owner reads Reports until they end
// with the process, and decides whether to start another.
//
// # The protocol
//
// One process of rostrum-media does one Job. The owner writes the Job as JSON on the
// process's standard input and leaves it open: its end, like SIGTERM, asks the process
// to stop. The process answers with Reports, one JSON object a line, on standard output.
// Media go over the public protocol, with the Job's token, so the process may also run
// on another machine.
//
//	owner                              rostrum-media compose
//	Job ──stdin──▶
//	                      ◀──stdout──  log …
//	                      ◀──────────  ready             it is on the stage and composes
//	                      ◀──────────  destination ACTIVE
//	                      ◀──────────  file …            a file of HLS is written
//	                      ◀──────────  heartbeat         once a second
//	                      ◀──────────  destination RECONNECTING, ACTIVE, FAILED
//	end of stdin ──▶
//	                      ◀──────────  destination STOPPED
//	                      ◀──────────  ended             the last line; then exit 0
//
// A process that is asked to stop exits within StopTime. A process that exits without
// ended has crashed: start another with the same Job. An HLS destination with the same
// directory continues its playlist after a discontinuity; an RTMP destination connects
// again.
//
// The process ends by itself, with ended and its Reason, when it may not be on the stage
// any more, and when no destination is left. How long a composition continues without
// publishers is its owner's decision; the heartbeat counts them.
package worker
