package sdp

import (
	"strconv"
	"strings"
)

// description is a session description, reduced to what an offer needs: attributes and media
// sections. Its reader is tolerant: lines of other types are ignored, wherever they are, as are
// unknown attributes (RFC 8866 §5).
type description struct {
	attributes []attribute
	media      []mediaDescription
}

type mediaDescription struct {
	kind, proto string
	port        int
	formats     []string
	attributes  []attribute
}

type attribute struct{ key, value string }

// first returns the value of the first attribute with a key.
func (m *mediaDescription) first(key string) (value string, ok bool) {
	for _, a := range m.attributes {
		if a.key == key {
			return a.value, true
		}
	}
	return "", false
}

// byteOrderMark is what some editors and text writers put before UTF-8.
const byteOrderMark = "\ufeff"

// parseDescription reads a description. Lines end in CRLF or LF; the last need not. Errors are
// *Error.
func parseDescription(text string) (d description, err error) {
	text = strings.TrimPrefix(text, byteOrderMark)
	if strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") {
		// The answer repeats some values, and clients take a lone CR as a line end.
		return d, Errorf(FaultMalformed, "the offer has a carriage return within a line")
	}
	number := 0
	for line := range strings.Lines(strings.TrimRight(text, "\r\n")) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		if number == 1 && line != "v=0" {
			return d, Errorf(FaultMalformed, "the offer is not SDP: its first line is not v=0")
		}
		if len(line) < 2 || line[0] < 'a' || line[0] > 'z' || line[1] != '=' {
			return d, Errorf(FaultMalformed, "the offer is not SDP: line %d is not of the form <type>=<value>", number)
		}
		if err := d.addLine(line[0], line[2:]); err != nil {
			return d, err
		}
	}
	if number == 0 {
		return d, Errorf(FaultMalformed, "the offer is empty")
	}
	return d, nil
}

func (d *description) addLine(kind byte, value string) error {
	switch kind {
	case 'm':
		if len(d.media) == maxSections {
			return Errorf(FaultTooLarge, "the offer has more than %d media sections", maxSections)
		}
		m, err := parseMedia(value)
		if err != nil {
			return err
		}
		d.media = append(d.media, m)
	case 'a':
		key, value, _ := strings.Cut(value, ":")
		a := attribute{key, value}
		if n := len(d.media); n > 0 {
			d.media[n-1].attributes = append(d.media[n-1].attributes, a)
		} else {
			d.attributes = append(d.attributes, a)
		}
	}
	return nil
}

// parseMedia reads the value of an m= line (RFC 8866 §5.14).
func parseMedia(value string) (m mediaDescription, err error) {
	f := strings.Fields(value)
	if len(f) < 4 {
		return m, Errorf(FaultMalformed, "the line m=%.40q lacks media, port, protocol or formats", value)
	}
	port, _, _ := strings.Cut(f[1], "/")
	if m.port, err = strconv.Atoi(port); err != nil || m.port < 0 || m.port > 65535 {
		return m, Errorf(FaultMalformed, "the port of m=%.40q is not a number up to 65535", value)
	}
	m.kind, m.proto, m.formats = f[0], f[2], f[3:]
	return m, nil
}
