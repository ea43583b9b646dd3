package hls

import (
	"bytes"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// Video takes a picture: its NAL units and its times by the encoder's clock.
func (m *Muxer) Video(decode, present time.Duration, keyframe bool, units [][]byte) error {
	units = m.takeSets(units)
	if len(units) == 0 {
		return nil
	}
	if err := m.followVideoClock(decode, keyframe); err != nil {
		return err
	}
	changed := m.runs && (!m.video.equals(m.videoFormat) || m.audioFormat.isKnown() && !m.audio.equals(m.audioFormat))
	if keyframe && changed && m.video.isKnown() {
		m.finishPicture(m.at(decode))
	}
	if keyframe && changed {
		if err := m.interrupt(); err != nil {
			return err
		}
	}
	if !m.runs {
		if !keyframe || !m.videoFormat.isKnown() || m.awaitsAudio() {
			return nil
		}
		if err := m.start(decode); err != nil {
			return err
		}
		// FFmpeg takes no second initialization section, but these.
		units = slices.Concat(m.videoFormat.sets, units)
	}
	if !m.video.isKnown() { // audio alone, until a keyframe
		return nil
	}
	at := m.at(decode)
	m.finishPicture(at)
	if n := len(m.pictures); n > 0 {
		at = m.pictures[n-1].end()
	}
	shown, _ := m.grid.near(present)
	offset := ticks(shown+m.offset, m.video.track.Rate) - at
	if err := m.queue(&m.pictures, Sample{Time: at, Offset: offset, Keyframe: keyframe, Data: AVC(units)}); err != nil {
		return err
	}
	return m.cut()
}

// awaitsAudio reports whether the configuration of audio may still come beside the video.
func (m *Muxer) awaitsAudio() bool {
	return !m.started && !m.audioFormat.isKnown() && m.lastDecode-m.firstDecode < audioConfigWait
}

// at is the media time of a picture, in ticks.
func (m *Muxer) at(decode time.Duration) int64 {
	return ticks(m.grid.snap(decode)+m.offset, m.video.track.Rate)
}

// finishPicture gives the last picture its duration, up to the next one. Decoding times
// that do not grow are corrected.
func (m *Muxer) finishPicture(next int64) {
	n := len(m.pictures)
	if n == 0 {
		return
	}
	m.pictures[n-1].Duration = max(1, next-m.pictures[n-1].Time)
	m.step = min(m.pictures[n-1].Duration, ticks(partDuration, m.video.track.Rate))
}

// followVideoClock ends the period if media are missing or timestamps jump, and measures
// how long there was no keyframe.
func (m *Muxer) followVideoClock(decode time.Duration, keyframe bool) error {
	passed := decode - m.lastDecode
	jumps := m.sawVideo && (passed > maxGap || passed < -maxStepBack)
	if m.sawVideo && !jumps {
		m.sinceKeyframe += max(0, passed)
	}
	if !m.sawVideo || jumps && !m.started {
		m.firstDecode = decode
	}
	m.lastDecode, m.sawVideo = decode, true
	if keyframe && m.videoFormat.isKnown() {
		m.sinceKeyframe = 0
	}
	if m.sinceKeyframe > maxKeyframeInterval {
		return ErrNoKeyframe
	}
	if jumps && m.video.isKnown() {
		return m.interrupt()
	}
	return nil
}

// takeSets takes the parameter sets out of a picture: they belong into the initialization
// section, and before the first picture of a period. A PPS with an id that the format lacks stays,
// so that one which comes late begins no period.
func (m *Muxer) takeSets(units [][]byte) (rest [][]byte) {
	var sps []byte
	var pps ppsList
	if m.videoFormat.isKnown() {
		sps = m.videoFormat.sets[0]
		for _, u := range m.videoFormat.sets[1:] {
			pps.put(u)
		}
	}
	for _, u := range units {
		switch {
		case len(u) == 0 || u[0]&0x1f == byte(h264.NALUTypeAccessUnitDelimiter):
		case u[0]&0x1f == byte(h264.NALUTypeSPS):
			sps = u
		case u[0]&0x1f == byte(h264.NALUTypePPS):
			if m.videoFormat.isKnown() && !pps.has(u) {
				rest = append(rest, u)
			} else {
				pps.put(u)
			}
		default:
			rest = append(rest, u)
		}
	}
	sets := append([][]byte{sps}, pps.all...)
	if sps == nil || pps.all == nil || slices.EqualFunc(sets, m.videoFormat.sets, bytes.Equal) {
		return rest
	}
	for i, u := range sets {
		sets[i] = bytes.Clone(u)
	}
	_ = m.SetVideo(sets[0], sets[1:]...) // a damaged one is ignored
	return rest
}

// A ppsList has the last PPS of each id, in the order in which the ids came.
type ppsList struct {
	all   [][]byte
	place [damagedPPS + 1]int // in all, from 1, by id
}

func (l *ppsList) has(pps []byte) bool { return l.place[identifier(pps)] > 0 }

func (l *ppsList) put(pps []byte) {
	place := &l.place[identifier(pps)]
	if *place == 0 {
		l.all = append(l.all, nil)
		*place = len(l.all)
	}
	l.all[*place-1] = pps
}

// damagedPPS stands for the id of a damaged PPS. Ids are 0 to 255 (ITU-T H.264 §7.4.2.2).
const damagedPPS = 256

// identifier is the pic_parameter_set_id of a PPS.
func identifier(pps []byte) uint32 {
	pos := 0
	n, err := bits.ReadGolombUnsigned(pps[1:], &pos)
	if err != nil {
		return damagedPPS
	}
	return min(n, damagedPPS)
}
