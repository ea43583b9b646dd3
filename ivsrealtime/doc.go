// Package ivsrealtime declares the API of Amazon IVS Real-Time Streaming (shapes,
// operations, limits, errors) and is a client for it. The same declarations serve
// client and server. The client works with Amazon's service and with Rostrum; it
// sends no member that the public API does not have.
//
// # Resources
//
// The names are the service's. Participants meet on a Stage; a ParticipantToken
// authorizes one of them. A Composition combines a stage into one video, for
// channels and recordings. EncoderConfigurations, StorageConfigurations and
// IngestConfigurations are reusable settings for output format, bucket and
// encoders.
//
// In inputs a pointer means that absence differs from the zero value; for other
// members they are the same.
//
// # Clients
//
// A [Client] waits for responses, an [AsyncClient] returns a [Call] for each. Both
// have all 40 operations and are built with the same settings. Settings that are
// not set come from the environment and the shared files, as in AWS SDKs. To use
// a Rostrum server, set AWS_ENDPOINT_URL_IVS_REALTIME or
// [BaseClientBuilder.EndpointOverride].
//
// A call checks that required members are present, and makes attempts within its
// time limits. Each attempt is signed with Signature Version 4, by the server's
// clock. Pauses between attempts have jitter and are never shorter than the server
// demands; a quota bounds retries while the service fails. Lists have iterators
// ([Client.Stages] and others), compositions have waiters
// ([Client.WaitUntilCompositionActive]).
//
// A call may have settings of its own, and tell the id of its request and the number of
// its attempts: see [CallOption]. A program that has an aws.Config for other clients
// gives it to [BaseClientBuilder.FromConfig].
//
// # Errors
//
// An error of the service is an [*Error] with a [Code], which errors.Is compares,
// a message, and the request's id as in the server's log. All other errors name
// the operation and what failed.
//
// # Tokens
//
// A [TokenSigner] makes participant tokens without a call to the service, with the
// private key of an imported public key; [VerifyToken] reads them.
//
// # For servers
//
// The variables that begin with Op, [Specs], [Validate] and [Errorf] are for programs that
// serve the API or stand before a server. Applications need none of them.
package ivsrealtime
