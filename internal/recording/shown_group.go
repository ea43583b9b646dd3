package recording

import (
	"hash/maphash"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// maxShownPictures is more than a recorder writes again.
const maxShownPictures = 1024

var hashSeed = maphash.MakeSeed()

// A shownGroup is the last keyframe of a track and the pictures after it. Where video has stopped
// a recorder begins segments with all of them again, each a tick long, except for the last. Who
// has decoded them leaves them out.
type shownGroup struct {
	hashes []uint64
	isCut  bool // pictures are missing
}

// add adds the pictures of the next segment. It returns how many of them, at the beginning, are
// the whole group again, and how long they last.
func (g *shownGroup) add(pictures []*fmp4.Sample) (repeated int, ticks int64) {
	hashes := make([]uint64, len(pictures))
	for i, p := range pictures {
		hashes[i] = maphash.Bytes(hashSeed, p.Payload)
	}
	if repeated = g.countRepeated(pictures, hashes); repeated > 0 {
		ticks = int64(repeated-1) + int64(pictures[repeated-1].Duration)
	}
	for i, p := range pictures[repeated:] {
		if !p.IsNonSyncSample {
			g.hashes, g.isCut = g.hashes[:0], false
		}
		if g.isCut = g.isCut || len(g.hashes) == maxShownPictures; !g.isCut {
			g.hashes = append(g.hashes, hashes[repeated+i])
		}
	}
	return repeated, ticks
}

func (g *shownGroup) countRepeated(pictures []*fmp4.Sample, hashes []uint64) int {
	n := len(g.hashes)
	if n == 0 || g.isCut || n > len(pictures) {
		return 0
	}
	for i, h := range g.hashes {
		if hashes[i] != h || i < n-1 && pictures[i].Duration != 1 {
			return 0
		}
	}
	return n
}
