// Package policy reads and evaluates IAM policy documents: may this caller do
// this action to this resource, under these circumstances?
//
// A document is parsed once, strictly, into a Policy; evaluating one is then
// a walk over its statements without parsing. The language and its meaning
// are those of identity-based policies in the AWS IAM User Guide ("IAM JSON
// policy elements reference"). Which action touches which resource, and what
// the circumstances are, is the caller's to know.
//
// Where the guide is silent or short:
//   - A value put in for a policy variable is plain text: a "*" or ":" in a
//     tag never widens a pattern or shifts the parts of an ARN.
//   - A variable that can't be resolved (its key is missing, or has several
//     values) matches nothing; under a negated operator or NotResource it
//     fails an Allow and holds in a Deny, so that it never grants.
//   - A wildcard stays in its segment of an ARN, but a "*" that ends a segment
//     of a Resource may go on over colons, and the last segment of a pattern
//     stands for all the rest. A Resource with fewer than six segments, from
//     the service on, means all that begins with it: "arn:aws:ivs".
//   - A key with several values under an operator without ForAllValues or
//     ForAnyValue: one match is enough, or, negated, there may be none.
//   - ForAllValues and ForAnyValue decide about a missing key themselves;
//     IfExists adds nothing to them.
package policy
