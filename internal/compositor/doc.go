// Package compositor makes one picture and one sound out of many participants.
//
// A Room holds the Members. Each takes coded frames as they arrive, decodes them and
// keeps a little of what will soon be due. A Program is the finished picture and
// sound in one format: it asks the Room, at each tick of its own clock, what is due,
// draws it as its layout says, mixes, encodes once, and hands the packets to its
// Outputs. A Room may have several Programs; it decodes for all of them.
//
//	Frame ▶ Member.Write ▶ playout   when is it due?              playout.go
//	                     ▶ video     decode, hold damage back     video.go
//	                     ▶ sound     decode, bridge gaps          sound.go
//	tick  ▶ Program      ▶ scene     due pictures into tiles      scene.go
//	                     ▶ mixer     due sound, limited           mixer.go
//	                     ▶ codec     one encode
//	                     ▶ Feed      a queue for each Output      feed.go
//
// # Time
//
// Tick n of a Program is at start + n/rate on the monotonic clock, and its picture
// has n/rate as its time, whatever happens: a tick that comes late by more than a
// tick repeats the last picture. Where repeating isn't enough to catch up, because
// the machine is too slow, a picture lasts several ticks. At tick n the sound that
// was due since the tick before is mixed and has the time since.
//
// A frame is due at its capture time, on the sender's clock, plus a delay. The delay
// is one for picture and sound of a Member, so they stay together as they were
// captured: that is the lip sync. It is as long as the slowest of recent frames
// took, within limits; it grows at once and shrinks slowly. The capture time comes
// from sender reports; until both media have one, their first frames are taken to
// have travelled equally fast.
//
// # Damage
//
// A picture that was decoded from damaged data isn't shown. The last good one stays,
// and a keyframe is asked for, until one came or too long has passed. A Member
// without a picture for a while is drawn as one whose video is stopped.
package compositor
