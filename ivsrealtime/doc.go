// Package ivsrealtime is the contract and Go SDK of Amazon IVS Real-Time Streaming.
package ivsrealtime
