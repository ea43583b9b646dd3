package layout

import "maps"

// A Size is a width and height in pixels.
type Size struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// A Rect is a rectangle in pixels, from the top left corner.
type Rect struct{ X, Y, Width, Height int }

// maxPicture bounds the pictures that are shown, to 1080p in any orientation: a
// participant that sends more is heard, not seen.
const maxPicture = 1920 * 1080

// A Participant is one as a layout sees it.
type Participant struct {
	ID         string
	UserID     string
	Attributes map[string]string
	Picture    Size // as sent; zero while none has come
	Stopped    bool // sends no video
}

// Equal reports whether two participants are the same to a layout.
func (p Participant) Equal(o Participant) bool {
	return p.ID == o.ID && p.UserID == o.UserID && p.Picture == o.Picture && p.Stopped == o.Stopped && maps.Equal(p.Attributes, o.Attributes)
}

// isVisible reports whether the participant's own picture can be drawn.
func (p *Participant) isVisible() bool {
	return !p.Stopped && p.Picture.Width*p.Picture.Height <= maxPicture
}

// aspect is the aspect ratio of the participant's picture, 16:9 while it is unknown.
func (p *Participant) aspect() ratio {
	if p.Picture.Width <= 0 || p.Picture.Height <= 0 || !p.isVisible() {
		return ratio{16, 9}
	}
	return ratio{p.Picture.Width, p.Picture.Height}
}

// A Tile is where one participant is drawn.
type Tile struct {
	ID      string
	Rect           // even, within the canvas
	Fill    Fill   // how the picture fills it
	Initial string // to be drawn on a dark tile instead of a picture; empty where the picture is drawn
}

// A Layout arranges participants, given in order of arrival, on a canvas of an
// even size. Tiles are returned in the order in which they are to be drawn.
type Layout interface {
	Arrange(canvas Size, participants []Participant) []Tile
}

// AspectRatio is that of a grid's tiles.
type AspectRatio string

// The API's aspect ratios. The zero value is VIDEO.
const (
	Video    AspectRatio = "VIDEO"    // 16:9
	Square   AspectRatio = "SQUARE"   // 1:1
	Portrait AspectRatio = "PORTRAIT" // 3:4
	Auto     AspectRatio = "AUTO"     // whatever fills the canvas
)

func (a AspectRatio) ratio() ratio {
	switch a {
	case Auto:
		return ratio{}
	case Square:
		return ratio{1, 1}
	case Portrait:
		return ratio{3, 4}
	default:
		return ratio{16, 9}
	}
}

// ratio is width to height; zero where any will do.
type ratio struct{ w, h int }

// within is the largest size of the ratio within a box.
func (r ratio) within(box Size) Size {
	if r.w <= 0 || r.h <= 0 {
		return box
	}
	if w := box.Height * r.w / r.h; w <= box.Width {
		return Size{w, box.Height}
	}
	return Size{box.Width, box.Width * r.h / r.w}
}

func even(n int) int { return n &^ 1 }

func (s Size) area() int { return s.Width * s.Height }

func (s Size) even() Size { return Size{even(s.Width), even(s.Height)} }

func (s Size) rect() Rect { return Rect{0, 0, s.Width, s.Height} }

// centred is a size centred in r, on even pixels.
func (r Rect) centred(s Size) Rect {
	return Rect{r.X + even((r.Width-s.Width)/2), r.Y + even((r.Height-s.Height)/2), s.Width, s.Height}
}

// Intersects reports whether two rectangles have a pixel in common.
func (r Rect) Intersects(o Rect) bool {
	return r.X < o.X+o.Width && o.X < r.X+r.Width && r.Y < o.Y+o.Height && o.Y < r.Y+r.Height
}
