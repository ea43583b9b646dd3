// Package recorder records participants, and uploads recordings to their buckets while they
// are written.
//
// # Participants
//
// Participants records a participant from when its media flow. It receives the packets in this
// process (sfu.Publisher.Tap), makes frames of them and gives these times of this machine's
// clock (trackClock). A mediaWriter writes segments into the spool. VP8 is transcoded to H.264 by a
// worker before (transcoding); other codecs are recorded as they are.
//
//	PublishStarted ▶ STARTING ─first keyframe─▶ ACTIVE ─PublishStopped, reconnect window─▶ STOPPING ─uploaded─▶ STOPPED
//
// Any of them may end in FAILED. A recording is in the store from STARTING until its end is
// stored, together with the event about that, so that there is one such event. What a killed
// process was recording is ended by the next one, or by another node (closeDead).
//
// # The spool
//
// A worker process, or a mediaWriter, writes a recording into a folder of this machine, its spool. The
// recorder uploads what appears there and removes it; playlists stay, since the next
// worker continues them. The folder is the queue, so nothing is lost however a process
// ends. While the bucket does not answer, the spool grows up to a bound. While the disk is full,
// a participant's segments wait in memory (spoolWriter).
//
// # The order
//
// Media go first. Playlists follow, as they were before the media were listed, so that a
// playlist in the bucket names only files in the bucket. The metadata under events/ come
// last.
//
// # Failure
//
// A bucket that refuses (not found, access denied) fails the recording at once, or after a
// minute if it took files before; one that does not answer fails it after Config.RetryFor, or
// when the spool is full. What is in
// the bucket then gets an ended playlist and recording-failed.json, where that is still
// possible.
package recorder
