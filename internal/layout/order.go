package layout

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// ordered returns the participants that are drawn, in their order. Those whose
// attribute is an integer come first, ascending, then the others; equals by arrival.
func ordered(participants []Participant, attribute string, omitStopped bool) []Participant {
	type orderedParticipant struct {
		Participant
		number integer
		valid  bool
	}
	var all []orderedParticipant
	for _, p := range participants {
		if omitStopped && !p.isVisible() {
			continue
		}
		q := orderedParticipant{Participant: p}
		if attribute != "" {
			q.number, q.valid = parseInteger(p.Attributes[attribute])
		}
		all = append(all, q)
	}
	slices.SortStableFunc(all, func(a, b orderedParticipant) int {
		switch {
		case a.valid && b.valid:
			return a.number.compare(b.number)
		case a.valid:
			return -1
		case b.valid:
			return 1
		}
		return 0
	})
	out := make([]Participant, len(all))
	for i, p := range all {
		out[i] = p.Participant
	}
	return out
}

// An integer is one of any length.
type integer struct {
	negative bool
	digits   string // without leading zeros; empty for zero
}

// parseInteger parses decimal digits after an optional sign.
func parseInteger(s string) (n integer, ok bool) {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		n.negative, s = s[0] == '-', s[1:]
	}
	n.digits = strings.TrimLeft(s, "0")
	n.negative = n.negative && n.digits != ""
	return n, s != "" && strings.Trim(s, "0123456789") == ""
}

func (n integer) compare(o integer) int {
	switch {
	case n.negative && o.negative:
		return o.magnitude(n)
	case n.negative:
		return -1
	case o.negative:
		return 1
	}
	return n.magnitude(o)
}

// magnitude compares without the signs.
func (n integer) magnitude(o integer) int {
	return cmp.Or(cmp.Compare(len(n.digits), len(o.digits)), cmp.Compare(n.digits, o.digits))
}

// selectOne returns the first participant whose attribute is "true", and the others.
func selectOne(participants []Participant, attribute string) (one *Participant, others []Participant) {
	if attribute == "" {
		return nil, participants
	}
	i := slices.IndexFunc(participants, func(p Participant) bool { return p.Attributes[attribute] == "true" })
	if i < 0 {
		return nil, participants
	}
	return &participants[i], slices.Concat(participants[:i], participants[i+1:])
}

// tile is the participant's tile in a rectangle.
func (p *Participant) tile(r Rect, f Fill) Tile {
	t := Tile{ID: p.ID, Rect: r, Fill: f}
	if !p.isVisible() {
		t.Initial = p.Initial()
	}
	return t
}

// Initial is the first letter or digit of the participant's name, "?" without any.
// A participant's name is its attribute "username" or "name", else its user id, else its id.
func (p *Participant) Initial() string {
	for _, name := range []string{p.Attributes["username"], p.Attributes["name"], p.UserID, p.ID} {
		for _, r := range name {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return strings.ToUpper(string(r))
			}
		}
	}
	return "?"
}
