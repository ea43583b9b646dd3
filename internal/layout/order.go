package layout

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ordered returns the participants that are drawn, in their order. Those whose
// attribute is an integer come first, ascending, then the others; equals by arrival.
func ordered(participants []Participant, attribute string, omitStopped bool) []Participant {
	type orderedParticipant struct {
		Participant
		number int64
		valid  bool
	}
	var all []orderedParticipant
	for _, p := range participants {
		if omitStopped && !p.isVisible() {
			continue
		}
		q := orderedParticipant{Participant: p}
		if attribute != "" {
			n, err := strconv.ParseInt(p.Attributes[attribute], 10, 64)
			q.number, q.valid = n, err == nil
		}
		all = append(all, q)
	}
	slices.SortStableFunc(all, func(a, b orderedParticipant) int {
		switch {
		case a.valid && b.valid:
			return cmp.Compare(a.number, b.number)
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
// A participant's name is its attribute "username" or "name", else its id.
func (p *Participant) Initial() string {
	for _, name := range []string{p.Attributes["username"], p.Attributes["name"], p.ID} {
		for _, r := range name {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return strings.ToUpper(string(r))
			}
		}
	}
	return "?"
}
