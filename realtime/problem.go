package realtime

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/wire"
)

// A Code says for programs why something was refused, or why the participant had to leave.
// It is an error, for errors.Is: errors.Is(err, realtime.TokenExpired).
type Code string

// The codes of docs/protocol.md. A server may have others.
const (
	TokenMalformed          Code = "TOKEN_MALFORMED"          // get another token
	TokenExpired            Code = "TOKEN_EXPIRED"            // get another token
	TokenNotAllowed         Code = "TOKEN_NOT_ALLOWED"        // a capability is missing
	TokenRevoked            Code = "TOKEN_REVOKED"            // of a connection, by RevokeConnectionToken
	TokenReused             Code = "TOKEN_REUSED"             // another client took over: joining again would take over from it
	ParticipantDisconnected Code = "PARTICIPANT_DISCONNECTED" // by DisconnectParticipant: all tokens of the participant are invalid
	StageDeleted            Code = "STAGE_DELETED"
	PublisherNotFound       Code = "PUBLISHER_NOT_FOUND"
	StageAtCapacity         Code = "STAGE_AT_CAPACITY" // try again after Problem.RetryAfter
	CodecMismatch           Code = "CODEC_MISMATCH"
	InvalidInput            Code = "INVALID_INPUT"
)

func (c Code) Error() string { return string(c) }

// A Problem is a refusal of the server (RFC 9457), or why it removed the participant.
type Problem struct {
	Status     int           // of HTTP; 0 where a message of the events socket ended the stage
	Title      string        // never empty
	Detail     string        // for people
	Code       Code          // empty if the server sent none
	RetryAfter time.Duration // when trying again may help; 0 if the server did not say
}

func (p *Problem) Error() string {
	s := p.Title
	if p.Status != 0 {
		s = fmt.Sprintf("%d %s", p.Status, p.Title)
	}
	if p.Detail != "" && p.Detail != p.Title {
		s += ": " + p.Detail
	}
	if p.Code != "" {
		s += " (" + string(p.Code) + ")"
	}
	if p.RetryAfter > 0 {
		s += fmt.Sprintf(", retry after %.0f s", p.RetryAfter.Seconds())
	}
	return s
}

// Is reports whether target is the problem's Code.
func (p *Problem) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == p.Code
}

// Denied reports whether only another token can help.
func (p *Problem) Denied() bool {
	return p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden
}

// passes reports whether trying again may help.
func (p *Problem) passes() bool {
	return p.Status >= 500 || p.Status == http.StatusTooManyRequests || p.RetryAfter > 0
}

// maxRetryAfter bounds what a server may ask for, which must fit into a Duration.
const maxRetryAfter = 24 * time.Hour

func retryAfter(seconds int) time.Duration {
	return time.Duration(min(max(seconds, 0), int(maxRetryAfter.Seconds()))) * time.Second
}

const maxProblem = 64 << 10

func readProblem(resp *http.Response) *Problem {
	p := &Problem{Status: resp.StatusCode}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		p.RetryAfter = retryAfter(seconds)
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem)) // a part of the text is better than none
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	var content struct {
		Title, Detail, Message string
		Code                   Code
	}
	if strings.HasSuffix(kind, "json") && json.Unmarshal(body, &content) == nil {
		p.Title, p.Detail, p.Code = content.Title, content.Detail, content.Code
		if p.Detail == "" {
			p.Detail = content.Message
		}
	} else if text := strings.TrimSpace(string(body)); !strings.HasPrefix(text, "<") {
		p.Detail = text[:min(len(text), 500)]
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if p.Title == "" {
		p.Title = "unexpected response"
	}
	return p
}

// problemOf returns why a request by message was refused, or nil.
func problemOf(r wire.Reply) error {
	if r.Error == nil {
		return nil
	}
	p := &Problem{
		Status: r.Error.Status, Title: r.Error.Title, Detail: r.Error.Detail, Code: Code(r.Error.Code),
		RetryAfter: retryAfter(r.Error.RetryAfter),
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	return p
}

// problemOfClosing returns why the server ended a stage or a connection.
func problemOfClosing(c wire.Closing) error {
	n := c.Notice()
	p := &Problem{Title: "removed from the stage", Detail: n.Detail, Code: Code(n.Code)}
	if p.Code == "" {
		p.Code = map[wire.CloseReason]Code{
			wire.ReasonDisconnected: ParticipantDisconnected, wire.ReasonTokenReused: TokenReused,
			wire.ReasonStageDeleted: StageDeleted, wire.ReasonRevoked: TokenRevoked,
		}[n.Reason]
	}
	if p.Detail == "" {
		p.Detail = string(n.Reason)
	}
	return p
}
