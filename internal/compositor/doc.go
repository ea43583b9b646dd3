// Package compositor composes the participants of a stage into one video and audio
// stream.
//
// A Stage holds the Participants. Each takes encoded frames as they arrive, decodes
// them, and buffers what will soon be due. A Program produces one format: at each tick
// of its output clock it takes from the participants what is due, draws it as its layout
// says, mixes, encodes once, and queues the packets for its Outputs. A Stage may have
// several Programs; it decodes once for all of them.
//
//	Frame ▶ Participant.Write ▶ playout       when is it due?                 playout.go
//	                          ▶ videoTrack    decode, hold damage back        video.go
//	                          ▶ audioBuffer   decode, conceal losses          audio.go
//	tick  ▶ Program           ▶ renderer      due pictures into tiles         renderer.go
//	                          ▶ cadence       which of them at this tick      cadence.go
//	                          ▶ limiter       mixed audio below its ceiling   limiter.go
//	                          ▶ codec         one encoding
//	                          ▶ Queue         of each Output                  output.go
//
// # Time
//
// Tick n of a Program is at start + n/rate on the monotonic clock, and its picture has
// the timestamp n/rate. A tick that is late by more than a tick repeats the last picture.
// Where the machine is too slow to catch up like that, a picture lasts several ticks. At
// tick n the audio that was due since the tick before is mixed, with that interval's
// timestamps.
//
// A frame is due at its capture time, on the sender's clock, plus the playout delay. A
// participant has one delay for audio and video, so that they stay in sync as captured.
// The delay is the longest transit time of recent frames, within limits; it grows at
// once and shrinks slowly. Capture times come from sender reports. Until both media have
// one, their first frames are assumed to have had equal transit times.
//
// Recordings need no clock: frames of a recorded Stage are due when they were recorded, and
// Program.Render makes tick after tick as fast as it can, into one Output that loses nothing.
//
// # Damage
//
// A picture that was decoded from damaged data is not shown. The last good one stays and
// a keyframe is requested, until one came or too long has passed. A participant without a
// picture for a while is drawn like one whose video is stopped.
//
// # Places
//
// A participant has a place in layouts from its first picture that is due, or once none can
// be expected, until it leaves. A new stream of the same participant keeps the place, and the
// last picture until it has one of its own.
package compositor
