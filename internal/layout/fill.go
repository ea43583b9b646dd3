package layout

// Fill is how a picture fills its tile.
type Fill string

// The API's fill modes. The zero value is unset: COVER, or CONTAIN for the featured
// participant of a grid.
const (
	Stretch Fill = "FILL"
	Cover   Fill = "COVER"   // the picture is cropped
	Contain Fill = "CONTAIN" // the whole picture, with bars
)

func (f Fill) or(unset Fill) Fill {
	if f == "" {
		return unset
	}
	return f
}

// Fit returns which part of a picture is drawn where in a tile. source is within the
// picture, its corner on even pixels; target is within the tile and even. ok is false when
// there is nothing to draw.
func (t Tile) Fit(picture Size) (source, target Rect, ok bool) {
	source, target = picture.rect(), t.Rect
	if picture.Width < 1 || picture.Height < 1 {
		return source, target, false
	}
	switch t.Fill {
	case Contain:
		s := ratio{picture.Width, picture.Height}.within(Size{t.Width, t.Height}).even()
		target = t.centred(s)
	case Cover:
		s := ratio{t.Width, t.Height}.within(picture)
		source = source.centred(Size{max(s.Width, 1), max(s.Height, 1)})
	}
	return source, target, target.Width > 0 && target.Height > 0
}
