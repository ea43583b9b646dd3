//go:build cgo

// Package mediajob does the jobs of rostrum-media. A composition subscribes to the
// publishers of a stage, composes them once for each format, and writes each format to
// its destinations: an RTMP server, a recording in a folder, a file.
//
// It is a participant like any other: it has a token and reaches the stage over the
// public protocol. Package worker defines the job and the reports.
package mediajob
