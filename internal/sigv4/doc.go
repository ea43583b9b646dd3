// Package sigv4 verifies requests with AWS Signature Version 4.
//
// A request is signed in its Authorization header or, presigned, in its query.
// Both have an access key, a scope (day, region, service), the names of the signed
// headers, a time and a signature. The steps of a verification:
//
//	read the claim       signature and parameters                claim.go
//	check the claim      service, day, clock, signed headers     verifier.go
//	look up the key      a decoy secret replaces an unknown key
//	canonical request    the form that both sides hash           canonical.go
//	host                 another one behind a proxy              host.go
//	signing key          derived per day and region, cached      signingkey.go
//	compare              in constant time, before other errors
//
// The rules are those of "Create a signed AWS API request" in the AWS IAM
// User Guide, for services other than S3: the path is normalized, and
// encoded once more than it was sent.
package sigv4
