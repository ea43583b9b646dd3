package recorder

import (
	"path"
	"slices"
	"time"

	"rostrum/internal/container"
	"rostrum/internal/hls"
	"rostrum/internal/media"
)

const (
	videoRate    = 90_000
	stoppedAfter = 2 * time.Second // without a picture, after which the last one may begin a segment
	audioLateBy  = time.Second     // audio that is later is replaced by silence
	minSection   = time.Second     // before another format begins the next
	maxFormats   = 16              // in the multivariant playlist
	maxGroupSize = 32 << 20        // bytes of a group of pictures, after which the section ends
)

// A mediaWriter writes a participant's video and Opus into segments, by the time of this
// machine's clock. It is for one goroutine.
//
// Where audio is missing there is silence. Where pictures are missing the last one is shown for
// longer. If a segment is due meanwhile it begins with the last keyframe and all pictures after it
// again, each a tick long: decoders are at the last picture at once, and the publisher's next one
// follows. Video of another format begins a new section of the playlist.
type mediaWriter struct {
	spool  *spoolWriter
	folder string
	target time.Duration
	codec  media.Codec // of video
	audio  bool        // the participant sends it

	segmenter *hls.Segmenter
	open      bool // a section is
	tracks    []hls.Track
	begins    time.Time  // of the section
	ended     time.Time  // the last section did
	video     *hls.Track // of the section; nil without video

	picture   *hls.Sample // whose duration is not known yet
	shown     shownGroup  // that it belongs to
	keyedAt   time.Time   // when its keyframe was
	needKey   bool        // the publisher's next pictures refer to others than the last
	audioNext int64       // where the next sample of audio belongs

	formats  []hls.Track // of all sections, by their names
	pictures int
	size     int // of the newest segment
	total    int64
	peak     int
	listed   time.Duration // in the playlist
	written  int           // peak in the multivariant playlist
}

func (w *mediaWriter) ticks(at time.Time, rate int64) int64 {
	d := at.Sub(w.begins)
	return int64(d/time.Second)*rate + int64(d%time.Second)*rate/int64(time.Second)
}

// Put stores a file for the segmenter.
func (w *mediaWriter) Put(name string, data []byte) error {
	if err := w.spool.put(path.Join(hlsFolder, name), data); err != nil {
		return err
	}
	if path.Base(name) != "playlist.m3u8" {
		w.size = len(data)
		return nil
	}
	d := w.segmenter.Duration()
	if d <= w.listed {
		return nil
	}
	w.total += int64(w.size)
	w.peak = max(w.peak, int(float64(w.size)*8/(d-w.listed).Seconds()))
	w.listed = d
	if w.peak > w.written*11/10 {
		return w.writeMultivariant()
	}
	return nil
}

func (w *mediaWriter) writeMultivariant() error {
	w.written = w.peak
	r := hls.Rendition{URI: path.Join(path.Base(w.folder), "playlist.m3u8"), Bandwidth: w.peak, Average: int(float64(w.total) * 8 / w.listed.Seconds()), Tracks: w.formats}
	if w.pictures > 0 {
		r.FrameRate = float64(w.pictures) / w.listed.Seconds()
	}
	return w.spool.put(path.Join(hlsFolder, "multivariant.m3u8"), hls.Multivariant(r))
}

// begin begins a section, whose time 0 is at, or the end of the one before. It has no video if
// that is nil.
func (w *mediaWriter) begin(at time.Time, video *hls.Track) error {
	if err := w.interrupt(at); err != nil {
		return err
	}
	if at.Before(w.ended) {
		at = w.ended
	}
	var tracks []hls.Track
	if video != nil {
		tracks = append(tracks, *video)
	}
	if w.audio {
		tracks = append(tracks, hls.Opus(2))
	}
	w.addFormats(tracks)
	w.begins, w.video, w.tracks, w.audioNext, w.open = at, video, tracks, 0, true
	if w.segmenter != nil {
		return w.segmenter.Next(at, tracks...)
	}
	var err error
	w.segmenter, err = hls.NewSegmenter(w, hls.Config{Folder: w.folder, Target: w.target, Begins: at}, tracks...)
	return err
}

// addFormats adds what is new for a player: of pictures of one codec and level the largest.
func (w *mediaWriter) addFormats(tracks []hls.Track) {
	for _, t := range tracks {
		i := slices.IndexFunc(w.formats, func(o hls.Track) bool { return o.Name == t.Name })
		switch {
		case i < 0 && len(w.formats) < maxFormats:
			w.formats = append(w.formats, t)
		case i >= 0 && t.Width*t.Height > w.formats[i].Width*w.formats[i].Height:
			w.formats[i] = t
		}
	}
}

// interrupt ends the section. What was recorded so far is then in the spool.
func (w *mediaWriter) interrupt(at time.Time) error {
	if !w.open {
		return nil
	}
	end := w.ticks(at, videoRate)
	if w.picture != nil { // the publisher's clock may be ahead
		end = max(end, w.picture.Time+1)
	}
	if w.audio {
		if err := w.fillSilence(end * opusRate / videoRate); err != nil {
			return err
		}
		end = max(end, w.audioNext*videoRate/opusRate)
	}
	if err := w.endPicture(end); err != nil {
		return err
	}
	w.open, w.ended, w.shown = false, w.at(end), shownGroup{}
	return w.segmenter.Flush()
}

// at is when ticks of video have passed in the section.
func (w *mediaWriter) at(ticks int64) time.Time {
	return w.begins.Add(time.Duration(ticks/videoRate)*time.Second + time.Duration(ticks%videoRate)*time.Second/videoRate)
}

// writeVideo takes a picture, as container.Frame has it, and its memory. It returns false if it
// can't be used, and a keyframe is needed.
func (w *mediaWriter) writeVideo(at time.Time, data []byte, keyframe bool) (bool, error) {
	if keyframe {
		video, err := videoTrack(w.codec, data)
		if err != nil {
			return false, nil // what a publisher sends must not end the recording
		}
		if !w.open || w.video == nil || !w.video.Equal(video) {
			if w.open && w.video != nil && at.Sub(w.begins) < minSection {
				w.needKey = true
				return false, nil
			}
			if err := w.begin(at, &video); err != nil {
				return false, err
			}
		}
		w.needKey = false
	}
	if !w.open || w.video == nil || w.needKey {
		return false, nil
	}
	sample := hls.Sample{Time: w.ticks(at, videoRate), Keyframe: keyframe, Data: videoSample(w.codec, data)}
	if keyframe {
		w.keyedAt = at
	}
	if w.shown.add(sample.Data, keyframe); w.shown.bytes > maxGroupSize {
		return false, w.interrupt(at)
	}
	w.pictures++
	return true, w.addPicture(sample)
}

func (w *mediaWriter) addPicture(s hls.Sample) error {
	if w.picture != nil {
		s.Time = max(s.Time, w.picture.Time+1)
	}
	s.Time = max(s.Time, 0)
	if err := w.endPicture(s.Time); err != nil {
		return err
	}
	w.picture = &s
	return nil
}

func (w *mediaWriter) endPicture(at int64) error {
	s := w.picture
	if s == nil {
		return nil
	}
	w.picture = nil
	s.Duration = max(at-s.Time, 1)
	return w.segmenter.Write(*s)
}

// writeAudio takes a packet of Opus.
func (w *mediaWriter) writeAudio(at time.Time, packet []byte) error {
	ticks := int64(container.OpusDuration(packet)) * opusRate / int64(time.Second)
	if !w.open || !w.audio || ticks == 0 {
		return nil
	}
	const tolerance = 480 // of jitter: small gaps are no reason for other durations
	begins := w.ticks(at, opusRate)
	if begins < w.audioNext-tolerance {
		return nil // silence took its place, or its clock is faster
	}
	if err := w.fillSilence(begins - tolerance); err != nil {
		return err
	}
	return w.addAudio(packet, ticks)
}

func (w *mediaWriter) addAudio(packet []byte, ticks int64) error {
	s := hls.Sample{Track: len(w.tracks) - 1, Time: w.audioNext, Duration: ticks, Keyframe: true, Data: packet}
	w.audioNext += ticks
	return w.segmenter.Write(s)
}

// fillSilence fills up with silence, except for less than one packet of it.
func (w *mediaWriter) fillSilence(to int64) error {
	for w.audioNext+opusSilenceTicks/2 <= to {
		if err := w.addAudio(opusSilence, opusSilenceTicks); err != nil {
			return err
		}
	}
	return nil
}

func (w *mediaWriter) fillAudio(to time.Time) error { return w.fillSilence(w.ticks(to, opusRate)) }

// tick fills what did not come until now. It returns false if a keyframe is needed.
func (w *mediaWriter) tick(now time.Time) (bool, error) {
	if !w.open {
		return false, nil
	}
	if w.audio {
		if err := w.fillAudio(now.Add(-audioLateBy)); err != nil {
			return true, err
		}
	}
	held := w.ticks(now.Add(-audioLateBy), videoRate)
	if w.picture == nil || w.ticks(now, videoRate)-w.picture.Time < int64(stoppedAfter.Seconds()*videoRate) || !w.segmenter.EndsAt(held) {
		return !w.needKey, nil
	}
	return false, w.hold(held)
}

// hold begins a segment that shows the last picture.
func (w *mediaWriter) hold(at int64) error {
	w.needKey = w.needKey || w.shown.isCut
	for i, data := range w.shown.pictures {
		if err := w.addPicture(hls.Sample{Time: at + int64(i), Keyframe: i == 0, Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// isDue reports whether a keyframe is due, at which the segment can end: the encoders of browsers
// send none unasked.
func (w *mediaWriter) isDue(now time.Time) bool {
	return w.open && w.video != nil && now.Sub(w.keyedAt) >= w.target
}

// isOutgrown reports whether pictures have become larger than the section announces. Those of VP9
// may without a keyframe, as when a spatial layer is added.
func (w *mediaWriter) isOutgrown(width, height int) bool {
	return w.open && w.video != nil && width*height > w.video.Width*w.video.Height
}

// close ends the recording.
func (w *mediaWriter) close(at time.Time) error {
	if w.segmenter == nil {
		return nil
	}
	if err := w.interrupt(at); err != nil {
		return err
	}
	if err := w.segmenter.Close(); err != nil || w.listed == 0 {
		return err
	}
	return w.writeMultivariant()
}
