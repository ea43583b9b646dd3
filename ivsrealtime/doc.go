// Package ivsrealtime is the contract of Amazon IVS Real-Time Streaming and a
// client for it: every shape, operation, limit and error of the API, spelled
// once for both ends of the wire.
//
// The nouns are the service's own. A Stage is a lasting place to meet; a
// ParticipantToken is the signed right to be one of its participants; a
// Composition makes the stage into one picture; Encoder-, Storage- and
// IngestConfigurations keep the answers to how, where to and where from.
//
// In every input a pointer means that absence differs from the zero value;
// whatever is plain means the same when it is absent and when it is zero.
//
// The package works unchanged against Amazon's service and against Rostrum:
// it sends no member that the public API does not have.
package ivsrealtime
