package rtmp

import "github.com/bluenviron/gortmplib/pkg/amf0"

// A command is a command message, or the answer to one (RTMP 1.0 §7.1.1).
type command struct {
	name      string
	id        int
	arguments []any
}

// text returns an argument that is a string, or a member of one that is an object.
func (c command) text(argument int, member string) string {
	if argument >= len(c.arguments) {
		return ""
	}
	v := c.arguments[argument]
	switch o := v.(type) {
	case amf0.Object:
		s, _ := o.GetString(member)
		return s
	case amf0.ECMAArray:
		s, _ := amf0.Object(o).GetString(member)
		return s
	}
	s, _ := v.(string)
	return s
}

// information is the information object of a status.
func (c command) information() amf0.Object {
	for _, v := range c.arguments {
		switch o := v.(type) {
		case amf0.Object:
			if _, found := o.Get("level"); found {
				return o
			}
		case amf0.ECMAArray:
			return amf0.Object(o)
		}
	}
	return nil
}

// isError reports whether the command is a status of level error.
func (c command) isError() bool {
	level, _ := c.information().GetString("level")
	return c.name == "onStatus" && level == "error"
}

// reason is the code and description of a status.
func (c command) reason() string {
	code, _ := c.information().GetString("code")
	description, _ := c.information().GetString("description")
	switch {
	case code == "" && description == "":
		return "without a reason"
	case description == "":
		return code
	}
	return code + ": " + description
}
