package ivsrealtime

import "rostrum/internal/shape"

// Validate checks the constraints of an input, given as a pointer. The error is an
// [Error] with code ValidationException; its message has the field, the problem
// and the limit.
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

// A checker is a structure with constraints across its fields. check returns the
// problem as the predicate of a sentence about the structure, or for an input as
// a whole sentence.
type checker interface{ check() string }
