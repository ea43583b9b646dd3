package event

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// findings/event-ruler-answers.sh regenerates the table.
func TestPattern_AnswersAsEventRuler(t *testing.T) {
	table, err := os.ReadFile("testdata/event-patterns.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	pairs := 0
	for line := range bytes.Lines(table) {
		var pair struct{ ID, Pattern, Event, Expect string }
		if err := json.Unmarshal(line, &pair); err != nil {
			t.Fatal(err)
		}
		pairs++
		got, why := "refused", error(nil)
		p, err := ParsePattern([]byte(pair.Pattern))
		why = err
		if err == nil {
			var doc Document
			if doc, why = parseDocument([]byte(pair.Event)); why == nil {
				got = map[bool]string{true: "yes", false: "no"}[p.Matches(doc)]
			}
		}
		if got != pair.Expect {
			t.Errorf("%s: %.200s and %.200s: %s (%v), event-ruler answers %s", pair.ID, pair.Pattern, pair.Event, got, why, pair.Expect)
		}
	}
	if pairs < 594 {
		t.Errorf("the table has %d pairs", pairs)
	}
}
