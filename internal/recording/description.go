package recording

import (
	"bytes"
	"fmt"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"rostrum/internal/hls"
)

// A description is what an initialization section says of a track.
type description struct {
	id            int
	codec         codecs.Codec
	timescale     uint32
	handler       string
	width, height uint16
	mediaTime     int64
	entry         []byte // the sample entry, as it is
}

// key is what tracks have in common that can become one.
func (d *description) key() string {
	return fmt.Sprintf("%s %s %d", d.handler, d.entry[4:8], d.timescale)
}

// readDescriptions reads an initialization section. Sample entries are kept as they are, so
// that nothing of them is lost.
func readDescriptions(init []byte) ([]*description, error) {
	known, err := hls.ReadInit(init)
	if err != nil {
		return nil, err
	}
	traks, err := mp4.ExtractBox(bytes.NewReader(init), nil, mp4.BoxPath{mp4.BoxTypeMoov(), mp4.BoxTypeTrak()})
	if err != nil {
		return nil, err
	}
	if len(traks) != len(known.Tracks) {
		return nil, fmt.Errorf("it has %d tracks, of which %d have a known codec", len(traks), len(known.Tracks))
	}
	all := make([]*description, 0, len(traks))
	for i, trak := range traks {
		d := &description{id: known.Tracks[i].ID, codec: known.Tracks[i].Codec, timescale: known.Tracks[i].TimeScale, handler: "soun"}
		if d.codec.IsVideo() {
			d.handler = "vide"
		}
		if d.timescale == 0 {
			return nil, fmt.Errorf("the time scale of track %d is 0", d.id)
		}
		if err := d.read(init, trak); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// read reads the sample entry and the edit list of a track.
func (d *description) read(init []byte, trak *mp4.BoxInfo) error {
	stsd := mp4.BoxPath{mp4.BoxTypeMdia(), mp4.BoxTypeMinf(), mp4.BoxTypeStbl(), mp4.BoxTypeStsd(), mp4.BoxTypeAny()}
	entries, err := mp4.ExtractBox(bytes.NewReader(init), trak, stsd)
	if err != nil {
		return err
	}
	if len(entries) != 1 || entries[0].Offset+entries[0].Size > uint64(len(init)) {
		return fmt.Errorf("track %d has %d descriptions", d.id, len(entries))
	}
	d.entry = init[entries[0].Offset : entries[0].Offset+entries[0].Size]
	boxes, err := mp4.ExtractBoxesWithPayload(bytes.NewReader(init), trak, []mp4.BoxPath{stsd, {mp4.BoxTypeEdts(), mp4.BoxTypeElst()}})
	if err != nil {
		return err
	}
	for _, b := range boxes {
		switch payload := b.Payload.(type) {
		case *mp4.VisualSampleEntry:
			d.width, d.height = payload.Width, payload.Height
		case *mp4.Elst:
			for i := range payload.Entries {
				if at := payload.GetMediaTime(i); at > 0 {
					d.mediaTime = at
				}
			}
		}
	}
	return nil
}

// withParameterSets makes a keyframe of H.264 have its parameter sets in it: not all players
// take those of another sample entry.
func withParameterSets(c codecs.Codec, data []byte) []byte {
	video, ok := c.(*codecs.H264)
	if !ok {
		return data
	}
	var units h264.AVCC
	if err := units.Unmarshal(data); err != nil {
		return data
	}
	if sps, pps := hls.ParameterSets(units); sps != nil && pps != nil {
		return data
	}
	return append(hls.AVC([][]byte{video.SPS, video.PPS}), data...)
}
