package layout

// A Grid shows participants in tiles of one size, and one of them may be featured above
// the others.
type Grid struct {
	FeaturedParticipantAttribute string      `json:"featuredParticipantAttribute"`
	OmitStoppedVideo             bool        `json:"omitStoppedVideo"`
	VideoAspectRatio             AspectRatio `json:"videoAspectRatio"`
	VideoFillMode                Fill        `json:"videoFillMode"`
	GridGap                      int         `json:"gridGap"`
	ParticipantOrderAttribute    string      `json:"participantOrderAttribute"`
}

// DefaultGrid is the grid of a composition without a layout.
func DefaultGrid() Grid { return Grid{VideoAspectRatio: Video, GridGap: 2} }

// Arrange implements Layout.
func (g Grid) Arrange(canvas Size, participants []Participant) []Tile {
	shown := ordered(participants, g.ParticipantOrderAttribute, g.OmitStoppedVideo)
	featured, others := selectOne(shown, g.FeaturedParticipantAttribute)
	tiles := style{g.VideoAspectRatio.ratio(), gap(g.GridGap, canvas), g.VideoFillMode.or(Cover), g.VideoFillMode.or(Contain)}
	return tiles.arrange(canvas.rect(), featured, others)
}

// gap is a configured gap on even pixels, up to the size of the canvas.
func gap(configured int, canvas Size) int {
	return even(min(max(configured, 0), canvas.Width) + 1)
}

// style is common to the tiles of a main area.
type style struct {
	aspect         ratio
	gap            int // even
	fill, featured Fill
}

// arrange fills an area: featured on top if there is one, the others below it.
func (s style) arrange(area Rect, featured *Participant, others []Participant) []Tile {
	if featured == nil {
		return s.rows(area, others)
	}
	if len(others) == 0 {
		return []Tile{featured.tile(area, s.featured)}
	}
	strip := even(area.Height / 4)
	top := Rect{area.X, area.Y, area.Width, area.Height - strip - min(s.gap, strip)}
	below := Rect{area.X, area.Y + area.Height - strip, area.Width, strip}
	if s.aspect == (ratio{}) {
		s.aspect = Video.ratio() // one tile as wide as the strip would show little of its picture
	}
	return append([]Tile{featured.tile(top, s.featured)}, s.rows(below, others)...)
}

// rows fills an area with tiles of one size. Where it is too small for all, the last
// participants are omitted.
func (s style) rows(area Rect, participants []Participant) []Tile {
	var p plan
	for n := len(participants); n > 0; n-- {
		participants = participants[:n]
		if p = s.plan(Size{area.Width, area.Height}, participants); p.tile.area() > 0 {
			break
		}
	}
	if p.tile.area() == 0 {
		return nil
	}
	tiles := make([]Tile, 0, len(participants))
	rows := (len(participants) + p.columns - 1) / p.columns
	block := area.centred(Size{0, p.height(rows)})
	for i := range participants {
		row, column := i/p.columns, i%p.columns
		inRow := min(p.columns, len(participants)-row*p.columns)
		line := area.centred(Size{p.width(inRow), 0})
		tiles = append(tiles, participants[i].tile(Rect{
			X: line.X + column*(p.tile.Width+p.gap), Y: block.Y + row*(p.tile.Height+p.gap),
			Width: p.tile.Width, Height: p.tile.Height,
		}, s.fill))
	}
	return tiles
}

// plan is one way to divide an area: how many tiles are in a row, how large they are and
// how far apart. All are even.
type plan struct {
	columns, gap int
	tile         Size
}

func (p plan) width(tiles int) int  { return tiles*(p.tile.Width+p.gap) - p.gap }
func (p plan) height(tiles int) int { return tiles*(p.tile.Height+p.gap) - p.gap }

// plan finds the best division of an area for the participants.
func (s style) plan(area Size, participants []Participant) (best plan) {
	n := len(participants)
	visible, cells := 0, 0
	for columns := n; columns >= 1; columns-- {
		rows := (n + columns - 1) / columns
		p := s.divide(area, columns, rows)
		v, c := s.visible(p.tile, participants), rows*columns
		if v > visible || v == visible && c < cells {
			best, visible, cells = p, v, c
		}
	}
	return best
}

// divide divides an area into columns and rows.
func (s style) divide(area Size, columns, rows int) plan {
	gap := even(min(s.gap, area.Width/(2*columns), area.Height/(2*rows)))
	cell := Size{(area.Width - (columns-1)*gap) / columns, (area.Height - (rows-1)*gap) / rows}
	return plan{columns, gap, s.aspect.within(cell).even()}
}

// visible is how much of the participants the tiles show, in pixels: the area of a tile
// or, where tiles have no aspect ratio, that of the whole pictures within them.
func (s style) visible(tile Size, participants []Participant) int {
	if s.aspect != (ratio{}) {
		return tile.area()
	}
	sum := 0
	for i := range participants {
		sum += participants[i].aspect().within(tile).area()
	}
	return sum
}
