package ivsrealtime

import "rostrum/internal/shape"

// Validate holds an input against the constraints of its fields and its own
// rules across fields. The error is an [Error] of code ValidationException
// whose message names the field, what is wrong with it and the limit; nil when
// all is well. in is a pointer to an input.
func Validate(in any) error {
	if problem := table.Problem(in); problem != "" {
		return &Error{Code: ValidationFailed, Message: problem}
	}
	return nil
}

var table = shape.Table{Words: shapes, Rule: func(structure any) string {
	if c, ok := structure.(checker); ok {
		return c.check()
	}
	return ""
}}

// A checker is a structure with rules across its fields. check tells the
// problem, as the predicate of a sentence about the structure; that of an input
// is a whole sentence.
type checker interface{ check() string }
