// Package server builds and runs a Rostrum server: its listeners, its storage, its live
// stages and channels, and the HTTP handlers that serve them.
package server
