// Package policy parses and evaluates IAM policy documents: whether a caller may
// perform an action on a resource, in a context of condition keys.
//
// A document is parsed once, strictly, into a Policy; evaluation does not parse.
// Syntax and semantics are those of identity-based policies in the AWS IAM User
// Guide ("IAM JSON policy elements reference"). Callers know the actions, resources
// and condition keys.
//
// Where the guide leaves a question open:
//   - The value of a policy variable is plain text: a "*" or ":" in a tag does not
//     widen a pattern or move the segments of an ARN.
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
