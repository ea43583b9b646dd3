// Package recorder uploads a recording to its bucket while it is written.
//
// # The spool
//
// A worker process writes a recording into a folder of this machine, its spool. The
// recorder uploads what appears there and removes it; playlists stay, since the next
// worker continues them. The folder is the queue, so nothing is lost however a process
// ends. While the bucket does not answer, the spool grows up to a bound.
//
// # The order
//
// Media go first. Playlists follow, as they were before the media were listed, so that a
// playlist in the bucket names only files in the bucket. The metadata under events/ come
// last.
//
// # Failure
//
// A bucket that refuses (not found, access denied) fails the recording at once; one that
// does not answer fails it after Config.RetryFor, or when the spool is full. What is in
// the bucket then gets an ended playlist and recording-failed.json, where that is still
// possible.
package recorder
