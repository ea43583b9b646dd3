// Package peer has what the tools of Rostrum do as participants, on package realtime:
// publish a file (package container) or the test pattern (package testpattern), receive
// publishers, write them into files, and report how it goes. rostrum publish, subscribe and
// demo use it.
package peer
