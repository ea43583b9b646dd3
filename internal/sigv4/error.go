package sigv4

// The codes of Error, spelled as AWS spells them.
const (
	// MissingAuthenticationToken: the request carries no signature at all.
	MissingAuthenticationToken = "MissingAuthenticationToken"
	// IncompleteSignature: the signature's parts are missing, malformed or
	// given twice.
	IncompleteSignature = "IncompleteSignature"
	// InvalidSignature: the signature is well-formed but doesn't hold: other
	// secret, other content, other scope, or a clock too far off.
	InvalidSignature = "InvalidSignatureException"
	// UnrecognizedClient: the access key or its session token isn't known.
	UnrecognizedClient = "UnrecognizedClientException"
	// ExpiredToken: the session the access key belongs to is over.
	ExpiredToken = "ExpiredTokenException"
)

// Error is why a request isn't believed. Code is one of this package's
// constants; Message is for the caller and holds no secret.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func incomplete(message string) error {
	return &Error{IncompleteSignature, message}
}

func invalid(message string) error {
	return &Error{InvalidSignature, message}
}

func unrecognized() error {
	return &Error{UnrecognizedClient, "The security token included in the request is invalid."}
}
