package recorder

const (
	maxShownPictures = 300     // that are written again while video is stopped
	maxShownSize     = 4 << 20 // bytes of them
)

// A shownGroup is the keyframe and the pictures after it: whoever decodes them has the last one,
// and can decode the publisher's next one.
type shownGroup struct {
	pictures [][]byte // the keyframe alone once the group is too large to be written again
	bytes    int      // of the whole group
	isCut    bool     // pictures are missing
}

func (g *shownGroup) add(picture []byte, keyframe bool) {
	if keyframe {
		*g = shownGroup{}
	}
	g.bytes += len(picture)
	if g.isCut = g.isCut || g.bytes > maxShownSize || len(g.pictures) == maxShownPictures; g.isCut && len(g.pictures) > 0 {
		clear(g.pictures[1:])
		g.pictures = g.pictures[:1]
		return
	}
	g.pictures = append(g.pictures, picture)
}
