package console_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"rostrum/internal/layout"
	"rostrum/ivsrealtime"
)

func TestLayout_IsDrawnAsCompositionsDrawIt(t *testing.T) {
	f := newFixture(t, "")
	cookie := f.signIn(t, keyBody("AKIAREADER", "reader-secret"))
	const who = `"canvas":{"width":1280,"height":720},"participants":[{"id":"a","picture":{"width":720,"height":1280}},{"id":"b","attributes":{"window":"true"},"stopped":true}]`
	participants := []layout.Participant{{ID: "a", Picture: layout.Size{Width: 720, Height: 1280}}, {ID: "b", Attributes: map[string]string{"window": "true"}, Stopped: true}}
	for name, c := range map[string]struct {
		layout string
		by     layout.Layout
	}{
		"none": {`null`, layout.DefaultGrid()},
		"grid": {`{"grid":{"videoAspectRatio":"SQUARE","gridGap":20,"videoFillMode":"FILL"}}`, layout.Grid{VideoAspectRatio: layout.Square, GridGap: 20, VideoFillMode: layout.Stretch}},
		"pip":  {`{"pip":{"pipParticipantAttribute":"window","pipWidth":200,"pipPosition":"TOP_LEFT","pipOffset":10}}`, layout.Pip{PipParticipantAttribute: "window", PipWidth: 200, PipPosition: layout.TopLeft, PipOffset: 10}},
	} {
		var drawn struct {
			Tiles []struct {
				ID      string
				Tile    layout.Rect
				Source  layout.Rect
				Target  layout.Rect
				Initial string
			}
		}
		a := f.send(request{path: "/console/data/layout", body: `{"layout":` + c.layout + `,` + who + `}`, cookie: cookie})
		if err := json.NewDecoder(a.Body).Decode(&drawn); a.StatusCode != http.StatusOK || err != nil {
			t.Fatalf("%s: %d, %v", name, a.StatusCode, err)
		}
		expected := c.by.Arrange(layout.Size{Width: 1280, Height: 720}, participants)
		if len(drawn.Tiles) != len(expected) {
			t.Fatalf("%s: %+v, expected %+v", name, drawn.Tiles, expected)
		}
		for i, tile := range expected {
			source, target, _ := tile.Fit(layout.Size{Width: 720, Height: 1280})
			got := drawn.Tiles[i]
			if got.ID != tile.ID || got.Tile != tile.Rect || got.Initial != tile.Initial || tile.ID == "a" && (got.Source != source || got.Target != target) {
				t.Errorf("%s: tile %d is %+v, expected %+v with %v at %v", name, i, got, tile, source, target)
			}
		}
	}
}

func TestLayout_RefusesWhatCompositionsRefuse(t *testing.T) {
	f := newFixture(t, "")
	cookie := f.signIn(t, keyBody("AKIAALICE", "alice-secret"))
	const canvas = `"canvas":{"width":1280,"height":720}`
	for body, part := range map[string]string{
		`{"layout":{"grid":{"gridGap":-1}},` + canvas + `}`:                     "layout.grid.gridGap",
		`{"layout":{"grid":{},"pip":{}},` + canvas + `}`:                        "layout has grid and pip",
		`{"layout":{"pip":{"pipPosition":"MIDDLE"}},` + canvas + `}`:            "layout.pip.pipPosition",
		`{"canvas":{"width":1281,"height":720}}`:                                "canvas",
		`{"canvas":{"width":4000,"height":4000}}`:                               "canvas",
		`{"participants":[{}` + strings.Repeat(",{}", 50) + `],` + canvas + `}`: "participants",
		`[]`: "the body is not valid",
	} {
		if a := f.send(request{path: "/console/data/layout", body: body, cookie: cookie}); code(a) != ivsrealtime.ValidationFailed || !strings.Contains(text(a), part) {
			t.Errorf("%.60s is answered with %d", body, a.StatusCode)
		}
	}
}
