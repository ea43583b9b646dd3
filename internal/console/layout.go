package console

import (
	"encoding/json"
	"net/http"

	"rostrum/internal/control"
	"rostrum/internal/layout"
	"rostrum/internal/worker"
	"rostrum/ivsrealtime"
)

// maxLayoutParticipants bounds the participants of a request.
const maxLayoutParticipants = 50

// A layoutRequest asks how a composition would place participants.
type layoutRequest struct {
	Layout       *ivsrealtime.LayoutConfiguration `json:"layout"`
	Canvas       layout.Size                      `json:"canvas"`
	Participants []layoutParticipant              `json:"participants"` // in order of arrival
}

type layoutParticipant struct {
	ID         string            `json:"id"`
	Attributes map[string]string `json:"attributes"`
	Picture    layout.Size       `json:"picture"`
	Stopped    bool              `json:"stopped"` // sends no video
}

// A rectangle is one in JSON.
type rectangle struct {
	X      int `json:"x"`
	Y      int `json:"y"`
	Width  int `json:"width"`
	Height int `json:"height"`
}

// A drawnTile is where a composition draws a participant. Source is the part of the
// participant's picture that is seen, target where that is.
type drawnTile struct {
	ID      string    `json:"id"`
	Tile    rectangle `json:"tile"`
	Source  rectangle `json:"source"`
	Target  rectangle `json:"target"`
	Initial string    `json:"initial,omitempty"` // instead of a picture
}

// drawLayout answers with the tiles of a layout, by the rules of compositions.
func (s *Server) drawLayout(w http.ResponseWriter, r *http.Request) {
	if _, _, err := s.caller(r); err != nil {
		refuse(w, err)
		return
	}
	var in layoutRequest
	if err := readJSON(w, r, &in); err != nil {
		refuse(w, err)
		return
	}
	tiles, err := in.draw()
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, map[string]any{"tiles": tiles})
}

func (in *layoutRequest) draw() ([]drawnTile, error) {
	if err := ivsrealtime.Validate(in); err != nil {
		return nil, err
	}
	const maxSide, maxPixels = 1920, 1920 * 1080 // of an encoder configuration
	c := in.Canvas
	switch {
	case c.Width < 2 || c.Height < 2 || c.Width > maxSide || c.Height > maxSide || c.Width%2 != 0 || c.Height%2 != 0 || c.Width*c.Height > maxPixels:
		return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "canvas is %dx%d, must have even sides from 2 to %d and at most %d pixels", c.Width, c.Height, maxSide, maxPixels)
	case len(in.Participants) > maxLayoutParticipants:
		return nil, ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "participants has %d members, must have at most %d", len(in.Participants), maxLayoutParticipants)
	}
	chosen, err := chosenLayout(in.Layout)
	if err != nil {
		return nil, err
	}
	all := make([]layout.Participant, 0, len(in.Participants))
	pictures := map[string]layout.Size{}
	for _, p := range in.Participants {
		all = append(all, layout.Participant{ID: p.ID, Attributes: p.Attributes, Picture: p.Picture, Stopped: p.Stopped})
		pictures[p.ID] = p.Picture
	}
	tiles := []drawnTile{}
	for _, t := range chosen.Arrange(c, all) {
		source, target, _ := t.Fit(pictures[t.ID])
		tiles = append(tiles, drawnTile{ID: t.ID, Tile: rectangle(t.Rect), Source: rectangle(source), Target: rectangle(target), Initial: t.Initial})
	}
	return tiles, nil
}

// chosenLayout is the layout of a composition that is started with a configuration.
func chosenLayout(in *ivsrealtime.LayoutConfiguration) (layout.Layout, error) {
	text, err := json.Marshal(control.LayoutDefaults(in)) // a worker uses the names of the API
	if err != nil {
		return nil, err
	}
	var l worker.Layout
	err = json.Unmarshal(text, &l)
	return l.Chosen(), err
}
