package sigv4

// The codes of Error, spelled as AWS spells them.
const (
	// MissingAuthenticationToken: the request carries no signature at all.
	MissingAuthenticationToken = "MissingAuthenticationToken"
	// IncompleteSignature: the signature's parts are missing, malformed or
	// given twice.
	IncompleteSignature = "IncompleteSignature"
	// InvalidSignature: the signature is well-formed but wrong: another secret,
	// content or scope, or a wrong clock.
	InvalidSignature = "InvalidSignatureException"
	// UnrecognizedClient: the access key or its session token isn't known.
	UnrecognizedClient = "UnrecognizedClientException"
	// ExpiredToken: the session of the access key has expired.
	ExpiredToken = "ExpiredTokenException"
)

// Error is why verification failed. Code is one of this package's constants;
// Message is for the caller and has no secret.
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
