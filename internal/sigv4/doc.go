// Package sigv4 verifies AWS Signature Version 4: who sent this request, and
// is it what they signed?
//
// A request is signed either in its Authorization header or, presigned, in
// its query. Both say the same things: an access key, a scope (day, region,
// service), the names of the signed headers, a time, and a signature. The
// way of a verification:
//
//	read the claim       what the request says of itself         claim.go
//	check the claim      service, day, clock, what must be signed   verifier.go
//	look the key up      an unknown one goes on with a decoy secret
//	canonical request    the one spelling both sides hash        canonical.go
//	host                 behind a proxy, another than received   host.go
//	signing key          derived once a day and region, cached   signingkey.go
//	compare              in constant time; only then say why not
//
// The rules are those of "Create a signed AWS API request" in the AWS IAM
// User Guide, for services other than S3: the path is normalised and encoded
// on top of the encoding it is sent with.
package sigv4
