package layout

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/layouts.md")

const page = "../../docs/layouts.md"

// sections are the drawings of docs/layouts.md.
var sections = []struct {
	title, text string
	drawings    []drawing
}{
	{"Grid", "Tiles of one size, in the rows and columns that make them largest; the last row is centred.", []drawing{
		{"1 participant", DefaultGrid(), hd, participants(1)},
		{"2 participants", DefaultGrid(), hd, participants(2)},
		{"3 participants", DefaultGrid(), hd, participants(3)},
		{"5 participants", DefaultGrid(), hd, participants(5)},
		{"12 participants", DefaultGrid(), hd, participants(12)},
		{"3 participants on 720x1280", DefaultGrid(), Size{720, 1280}, participants(3)},
	}},
	{"Featured participant", "`featuredParticipantAttribute: \"host\"`, and a has the attribute `host` = `true`. A quarter of the height is for the others.", []drawing{
		{"alone", Grid{FeaturedParticipantAttribute: "host", GridGap: 2}, hd, host(1)},
		{"4 participants", Grid{FeaturedParticipantAttribute: "host", GridGap: 2}, hd, host(4)},
		{"9 participants", Grid{FeaturedParticipantAttribute: "host", GridGap: 2}, hd, host(9)},
	}},
	{"Order", "`participantOrderAttribute: \"n\"`: whole numbers first, ascending; then the others by arrival.", []drawing{
		{"a without, b = 2, c = -1, d = x", Grid{ParticipantOrderAttribute: "n", GridGap: 2}, hd, with(participants(4), func(p []Participant) {
			p[1].Attributes, p[2].Attributes, p[3].Attributes = set("n", "2"), set("n", "-1"), set("n", "x")
		})},
	}},
	{"Aspect ratio", "`videoAspectRatio` shapes the tiles. AUTO leaves them the whole canvas.", []drawing{
		{"VIDEO", Grid{VideoAspectRatio: Video, GridGap: 2}, hd, participants(3)},
		{"SQUARE", Grid{VideoAspectRatio: Square, GridGap: 2}, hd, participants(3)},
		{"PORTRAIT", Grid{VideoAspectRatio: Portrait, GridGap: 2}, hd, participants(3)},
		{"AUTO", Grid{VideoAspectRatio: Auto, GridGap: 2}, hd, participants(3)},
	}},
	{"Fill mode", "`videoFillMode`, with a picture of 360x640 in one tile. ░ is the picture; unset is COVER for tiles and CONTAIN for the featured one. COVER shows only the middle of the picture, FILL distorts it.", []drawing{
		{"CONTAIN", Grid{VideoFillMode: Contain}, hd, upright(1)},
		{"COVER", Grid{VideoFillMode: Cover}, hd, upright(1)},
		{"FILL", Grid{VideoFillMode: Stretch}, hd, upright(1)},
	}},
	{"Gap", "`gridGap` in pixels between the tiles.", []drawing{
		{"gridGap 0", Grid{}, hd, participants(4)},
		{"gridGap 80", Grid{GridGap: 80}, hd, participants(4)},
	}},
	{"Stopped video", "b has stopped its video: a dark tile with its initial (B), or no tile with `omitStoppedVideo`. The initial is that of the attribute `username` or `name`, else of the user id, else of the id. A participant without video, or with more than 1080p, is treated the same way. Who joins gets a tile with its first picture, or once none can be expected.", []drawing{
		{"omitStoppedVideo false", Grid{GridGap: 2}, hd, stopped(3)},
		{"omitStoppedVideo true", Grid{GridGap: 2, OmitStoppedVideo: true}, hd, stopped(3)},
	}},
	{"Picture-in-picture", "`pipParticipantAttribute: \"host\"`, and a has the attribute `host` = `true`.", []drawing{
		{"2 participants", Pip{PipParticipantAttribute: "host"}, hd, host(2)},
		{"3 participants", Pip{PipParticipantAttribute: "host"}, hd, host(3)},
		{"no attributes configured", Pip{}, hd, participants(3)},
		{"nobody else, STATIC", Pip{PipParticipantAttribute: "host"}, hd, host(1)},
		{"nobody else, DYNAMIC", Pip{PipParticipantAttribute: "host", PipBehavior: Dynamic}, hd, host(1)},
		{"TOP_LEFT, pipOffset 40", Pip{PipParticipantAttribute: "host", PipPosition: TopLeft, PipOffset: 40}, hd, host(2)},
		{"TOP_RIGHT, pipWidth 480", Pip{PipParticipantAttribute: "host", PipPosition: TopRight, PipWidth: 480}, hd, host(2)},
		{"BOTTOM_LEFT, pipWidth 240, pipHeight 400", Pip{PipParticipantAttribute: "host", PipPosition: BottomLeft, PipWidth: 240, PipHeight: 400}, hd, host(2)},
		{"BOTTOM_RIGHT, a sends 360x640", Pip{PipParticipantAttribute: "host"}, hd,
			with(host(2), func(p []Participant) { p[0].Picture = Size{360, 640} })},
	}},
}

func host(n int) []Participant {
	return with(participants(n), func(p []Participant) { p[0].Attributes = set("host", "true") })
}

func stopped(n int) []Participant {
	return with(participants(n), func(p []Participant) { p[1].Stopped = true })
}

func upright(n int) []Participant {
	return with(participants(n), func(p []Participant) { p[0].Picture = Size{360, 640} })
}

type drawing struct {
	caption string
	layout  Layout
	canvas  Size
	who     []Participant
}

// A character of the drawings is as wide as 24 pixels and as high as 48.
const cellWidth, cellHeight = 24, 48

// lines draws the canvas as a frame and each tile as a box in it.
func (d drawing) lines() []string {
	_, _, right, bottom := corners(d.canvas.rect())
	rows := make([][]rune, bottom+1)
	for i := range rows {
		rows[i] = []rune(strings.Repeat(" ", right+1))
	}
	box(rows, 0, 0, right, bottom, []rune("┏┓┗┛━┃"))
	for _, t := range d.layout.Arrange(d.canvas, d.who) {
		left, top, right, bottom := corners(t.Rect)
		box(rows, left, top, right-1, bottom-1, []rune("┌┐└┘─│"))
		for _, p := range d.who {
			if _, target, ok := t.Fit(p.Picture); ok && p.ID == t.ID && p.Picture != (Size{640, 360}) && t.Initial == "" {
				shade(rows, target)
			}
		}
		name := t.ID
		if t.Initial != "" {
			name = t.Initial
		}
		rows[(top+bottom-1)/2][(left+right-1)/2] = []rune(name)[0]
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = strings.TrimRight(string(r), " ")
	}
	return out
}

// corners are those of a rectangle in characters; those of a tile are within it.
func corners(r Rect) (left, top, right, bottom int) {
	column := func(x int) int { return (x+cellWidth/2)/cellWidth + 1 }
	row := func(y int) int { return (y+cellHeight/2)/cellHeight + 1 }
	return column(r.X), row(r.Y), column(r.X + r.Width), row(r.Y + r.Height)
}

func box(rows [][]rune, left, top, right, bottom int, line []rune) {
	for y := top; y <= bottom; y++ {
		for x := left; x <= right; x++ {
			rows[y][x] = ' '
			switch {
			case y == top || y == bottom:
				rows[y][x] = line[4]
			case x == left || x == right:
				rows[y][x] = line[5]
			}
		}
	}
	rows[top][left], rows[top][right], rows[bottom][left], rows[bottom][right] = line[0], line[1], line[2], line[3]
}

func shade(rows [][]rune, r Rect) {
	left, top, right, bottom := corners(r)
	for y := top + 1; y < bottom-1; y++ {
		for x := left; x < right; x++ {
			if rows[y][x] == ' ' {
				rows[y][x] = '░'
			}
		}
	}
}

func drawPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Layouts\n\nHow a composition places its participants, a, b, c… in order of arrival. " +
		"The canvas is 1280x720 unless said otherwise; a character is 24 pixels wide and 48 high.\n" +
		"`go test ./internal/layout -update` draws this page; `internal/layout/doc.go` has the rules in words.\n")
	for _, c := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", c.title, c.text)
		for _, d := range c.drawings {
			fmt.Fprintf(&b, "\n%s:\n\n```\n%s\n```\n", d.caption, strings.TrimRight(strings.Join(d.lines(), "\n"), "\n"))
		}
	}
	return b.Bytes()
}

func TestDrawings_AreUpToDate(t *testing.T) {
	want := drawPage()
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/layouts.md differs from the code: check what go test ./internal/layout -update changes")
	}
}
