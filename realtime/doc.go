// Package realtime is a participant of a stage in Go: with a token it joins, publishes audio
// and video, subscribes to others, and learns what they do. It needs no cgo, and encodes and
// decodes nothing: samples are encoded media, such as those of a file, a camera or an encoder.
//
// Join joins the Stage of a participant token. Stage.Events are typed values, beginning with
// who is there; Stage.Follow receives each publisher while it publishes. Stage.Publish sends
// LocalTracks, whose WriteSample or WriteRTP the program calls at the time of each sample.
// Stage.Subscribe calls functions with samples or packets. A Connection carries the events of
// several stages; Config.EarlySubscriptions saves a round trip of the first pictures of each.
//
// Lost connections come back by themselves, with doubling pauses, for Config.Rejoin. Events
// tell of that. An error that remains is a *Problem of the server, compared with a Code by
// errors.Is, or ErrLost, ErrEnded or ErrClosed.
//
// Nothing grows without bound. Of events that are not received 1024 wait, then they are
// dropped and counted; what is written to a track that is not published is dropped and
// counted; what is received while a function of the program blocks waits in 1 MB for each
// track. Close waits for all goroutines.
//
// Publish and Subscribe also work with the WHIP and WHEP endpoints of other servers, without
// a stage.
package realtime
