package peer

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// A Problem is a server's error response: RFC 9457, or the text that it sent.
type Problem struct {
	Status     int    // of HTTP
	Title      string // never empty
	Detail     string
	Code       string // the error code, if there is one
	RetryAfter string // as in the header
}

func (p *Problem) Error() string {
	s := fmt.Sprintf("%d %s", p.Status, p.Title)
	if p.Detail != "" && p.Detail != p.Title {
		s += ": " + p.Detail
	}
	if p.Code != "" {
		s += " (" + p.Code + ")"
	}
	if p.RetryAfter != "" {
		s += ", retry after " + p.RetryAfter + " s"
	}
	return s
}

// Denied reports whether only another token can help.
func (p *Problem) Denied() bool {
	return p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden
}

const maxProblem = 64 << 10

func readProblem(resp *http.Response) *Problem {
	p := &Problem{Status: resp.StatusCode, RetryAfter: resp.Header.Get("Retry-After")}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem)) // a part of the text is better than none
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	var content struct{ Title, Detail, Code, Message string }
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
