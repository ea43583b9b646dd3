package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// appendCanonical appends the canonical request: method, path, query, signed
// headers, their names and the payload hash.
func appendCanonical(b []byte, r *http.Request, c *claim, payloadHash string) ([]byte, error) {
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = appendPath(b, wirePath(r))
	b = append(b, '\n')
	b, err := appendQuery(b, r.URL.RawQuery, c.presigned)
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	for name := range strings.SplitSeq(c.signedHeaders, ";") {
		b = append(b, name...)
		b = append(b, ':')
		if b, err = appendHeader(b, r, name); err != nil {
			return nil, err
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, c.signedHeaders...)
	b = append(b, '\n')
	return append(b, payloadHash...), nil
}

// wirePath returns the path as it was sent, where "%2F" differs from "/" and "%3A"
// from ":". Requests made in tests lack it.
func wirePath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	return r.URL.EscapedPath()
}

// appendPath appends the path without empty, "." and ".." segments
// (RFC 3986 §5.2.4), each byte outside the unreserved set encoded; the
// percent signs of the path's own encoding are encoded too.
func appendPath(b []byte, path string) []byte {
	if strings.Contains(path, "//") || strings.Contains(path, "/.") {
		path = normalize(path)
	}
	if path == "" {
		return append(b, '/')
	}
	for i := range len(path) {
		if path[i] == '/' {
			b = append(b, '/')
			continue
		}
		b = appendEncoded(b, path[i])
	}
	return b
}

func normalize(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		default:
			kept = append(kept, segment)
		}
	}
	if len(kept) == 0 {
		return "/"
	}
	slash := ""
	if strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..") {
		slash = "/"
	}
	return "/" + strings.Join(kept, "/") + slash
}

// appendQuery appends the parameters in canonical encoding, sorted by encoded name
// and value. A plus is a space, as in net/url.
func appendQuery(b []byte, raw string, presigned bool) ([]byte, error) {
	if raw == "" {
		return b, nil
	}
	type parameter struct{ name, value string }
	var parameters []parameter
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		p := parameter{recode(name), recode(value)}
		if p.name == malformed || p.value == malformed {
			return nil, incomplete("The query string is malformed: '" + clip(pair) + "'.")
		}
		if presigned && p.name == "X-Amz-Signature" {
			continue
		}
		parameters = append(parameters, p)
	}
	slices.SortFunc(parameters, func(x, y parameter) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		return strings.Compare(x.value, y.value)
	})
	for i, p := range parameters {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, p.name...)
		b = append(b, '=')
		b = append(b, p.value...)
	}
	return b, nil
}

// malformed is not a valid encoding.
const malformed = "%"

// recode decodes one name or value and encodes it canonically.
func recode(s string) string {
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, "%20"...)
		case '%':
			if i+2 >= len(s) {
				return malformed
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi > 15 || lo > 15 {
				return malformed
			}
			b = appendEncoded(b, hi<<4|lo)
			i += 2
		default:
			b = appendEncoded(b, c)
		}
	}
	return string(b)
}

// appendEncoded appends c as it is when unreserved (RFC 3986 §2.3), else as %XX.
func appendEncoded(b []byte, c byte) []byte {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
		return append(b, c)
	}
	const digits = "0123456789ABCDEF"
	return append(b, '%', digits[c>>4], digits[c&15])
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// appendHeader appends the values of a signed header, trimmed, their inner
// runs of blanks folded into one space, joined by commas.
func appendHeader(b []byte, r *http.Request, name string) ([]byte, error) {
	switch name {
	case "host":
		return appendFolded(b, r.Host), nil
	case "content-length":
		// HTTP servers may remove it from the map.
		if _, ok := r.Header["Content-Length"]; !ok && r.ContentLength >= 0 {
			return strconv.AppendInt(b, r.ContentLength, 10), nil
		}
	}
	var key [256]byte // the limit of headerName
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' && (i == 0 || name[i-1] == '-') {
			c -= 'a' - 'A'
		}
		key[i] = c
	}
	values, ok := r.Header[string(key[:len(name)])]
	if !ok {
		return nil, invalid("The signed header '" + clip(name) + "' is not in the request.")
	}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendFolded(b, v)
	}
	return b, nil
}

func appendFolded(b []byte, s string) []byte {
	s = strings.Trim(s, " \t")
	blank := false
	for i := range len(s) {
		switch {
		case s[i] != ' ' && s[i] != '\t':
			b = append(b, s[i])
			blank = false
		case !blank:
			b = append(b, ' ')
			blank = true
		}
	}
	return b
}
