// Package ivsrealtime is the contract of Amazon IVS Real-Time Streaming and a
// client for it: every shape, operation, limit and error of the API, spelled
// once for both ends of the wire. It works unchanged against Amazon's service
// and against Rostrum; it sends no member that the public API does not have.
//
// # The words
//
// The nouns are the service's own. A Stage is a lasting place to meet; a
// ParticipantToken is the signed right to be one of its participants; a
// Composition makes the stage into one picture; Encoder-, Storage- and
// IngestConfigurations keep the answers to how, where to and where from.
//
// In every input a pointer means that absence differs from the zero value;
// whatever is plain means the same when it is absent and when it is zero.
//
// # The clients
//
// A [Client] waits for answers, an [AsyncClient] hands out a [Call] for each
// that is to come. Both have all 39 operations and are made by builders with
// the same settings; what isn't set comes from where AWS SDKs look for it: the
// environment, the shared files, the profile. To reach a Rostrum, set
// AWS_ENDPOINT_URL_IVS_REALTIME or [BaseClientBuilder.EndpointOverride].
//
// Around each call stand, in this order: a check that what is required is there;
// the time limits; attempts, each signed with Signature Version 4 by the
// server's clock; between them pauses with jitter, never shorter than the server
// asks for, and a quota that keeps retries from multiplying the load on a
// service in trouble. Lists are walked with iterators ([Client.Stages] and its
// kind), compositions awaited with [Client.WaitUntilCompositionActive].
//
// # Errors
//
// What the service refuses is an [*Error] with a [Code], which errors.Is
// compares, its message, and the request's id for whoever reads the server's
// logs. Everything else that goes wrong names the operation and what was being
// done.
//
// # Tokens
//
// A [TokenSigner] makes participant tokens without asking the service, from the
// private half of an imported key; [VerifyToken] reads them.
package ivsrealtime
