package event

import (
	"encoding/binary"
	"slices"
)

// Matches reports whether the pattern wants an event.
func (p *Pattern) Matches(doc Document) bool {
	for _, r := range p.rules {
		s := search{rule: r, doc: doc}
		if s.match(0, nil) {
			return true
		}
	}
	return false
}

// A search looks for a value for each condition of a rule, such that values within one
// list are all of one of its elements.
type search struct {
	rule  rule
	doc   Document
	steps int

	// Set once the search has taken many steps, so that no pattern makes it take
	// exponentially many: what has failed already, and the lists that matter to the
	// conditions from each on.
	failed map[string]bool
	lists  []map[int]bool
}

const patientSteps = 64

// match goes on at a condition, within the elements that earlier conditions have
// chosen. {"exists": false} matches if no value of its path is within them.
func (s *search) match(i int, chosen []element) bool {
	if i == len(s.rule) {
		return true
	}
	if s.steps++; s.steps < patientSteps {
		return s.try(i, chosen)
	}
	key := s.key(i, chosen)
	if s.failed[key] {
		return false
	}
	if s.try(i, chosen) {
		return true
	}
	s.failed[key] = true
	return false
}

func (s *search) try(i int, chosen []element) bool {
	c := &s.rule[i]
	absent := c.absent
	for j := range s.doc.fields { // of which there are too few to be worth sorting
		f := &s.doc.fields[j]
		if f.path != c.path {
			continue
		}
		within, ok := extend(chosen, f.value.at)
		if !ok {
			continue
		}
		absent = false
		if c.matches(f.value) && s.match(i+1, within) {
			return true
		}
	}
	return absent && s.match(i+1, chosen)
}

// extend adds elements to those that are chosen. It fails if another element of one of
// their lists is.
func extend(chosen, at []element) ([]element, bool) {
	if len(at) == 0 {
		return chosen, true
	}
	out := slices.Clip(chosen)
next:
	for _, e := range at {
		for _, c := range chosen {
			if c.list == e.list {
				if c.index != e.index {
					return nil, false
				}
				continue next
			}
		}
		out = append(out, e)
	}
	return out, true
}

// key says where a search is: at which condition, and within which elements of the lists
// that still matter.
func (s *search) key(i int, chosen []element) string {
	if s.failed == nil {
		s.failed = map[string]bool{}
		s.lists = make([]map[int]bool, len(s.rule)+1)
		lists := map[int]bool{}
		for j := len(s.rule) - 1; j > 0; j-- { // the search comes to the first only once
			next := map[int]bool{}
			for l := range lists {
				next[l] = true
			}
			for _, f := range s.doc.fields {
				if f.path != s.rule[j].path {
					continue
				}
				for _, e := range f.value.at {
					next[e.list] = true
				}
			}
			s.lists[j], lists = next, next
		}
	}
	key := binary.AppendUvarint(nil, uint64(i))
	for _, e := range chosen {
		if s.lists[i][e.list] {
			key = binary.AppendUvarint(binary.AppendUvarint(key, uint64(e.list)), uint64(e.index))
		}
	}
	return string(key)
}
