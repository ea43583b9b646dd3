package recorder

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rostrum/internal/hls"
	"rostrum/internal/media"
)

// A keyframe of 640x360 and a picture that follows it, in Annex B form; the slices are not
// decoded here.
var (
	testSPS      = []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48}
	testPPS      = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
	testKeyframe = annexB(testSPS, testPPS, []byte{0x65, 1, 2, 3})
	testPicture  = annexB([]byte{0x41, 1, 2, 3})
	testBegin    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func annexB(units ...[]byte) (picture []byte) {
	for _, u := range units {
		picture = append(append(picture, 0, 0, 0, 1), u...)
	}
	return picture
}

// A take is a recording that a test writes.
type take struct {
	t *testing.T
	w *mediaWriter
}

func newTake(t *testing.T) take {
	return take{t, &mediaWriter{spool: &spoolWriter{spool: Spool(t.TempDir()), budget: &memoryBudget{}, ready: func() {}}, folder: participantRendition, target: 2 * time.Second, codec: media.H264, audio: true}}
}

func (k take) video(at time.Duration, keyframe bool) (used bool) {
	k.t.Helper()
	data := testPicture
	if keyframe {
		data = testKeyframe
	}
	used, err := k.w.writeVideo(testBegin.Add(at), bytes.Clone(data), keyframe)
	if err != nil {
		k.t.Fatal(err)
	}
	return used
}

func (k take) sound(at time.Duration) {
	k.t.Helper()
	if err := k.w.writeAudio(testBegin.Add(at), opusSilence); err != nil {
		k.t.Fatal(err)
	}
}

// finish ends the recording and returns its playlist, and the samples of all segments.
func (k take) finish(at time.Duration) hls.Playlist {
	k.t.Helper()
	if err := k.w.close(testBegin.Add(at)); err != nil {
		k.t.Fatal(err)
	}
	return k.stored()
}

// stored is the playlist in the spool.
func (k take) stored() hls.Playlist {
	k.t.Helper()
	data, err := os.ReadFile(filepath.Join(string(k.w.spool.spool), hlsFolder, participantRendition, "playlist.m3u8"))
	if err != nil {
		k.t.Fatal(err)
	}
	list, err := hls.Parse(data)
	if err != nil {
		k.t.Fatal(err)
	}
	return list
}

func TestMediaWriter_BeginsWithAKeyframe(t *testing.T) {
	k := newTake(t)
	if k.video(0, false) || k.w.open {
		t.Error("a picture that refers to others began the recording")
	}
	if ok, err := k.w.writeVideo(testBegin, annexB([]byte{0x65, 1}), true); ok || err != nil || k.w.open {
		t.Errorf("a keyframe without parameter sets began the recording: %v, %v", ok, err)
	}
	if !k.video(time.Second, true) {
		t.Error("the keyframe was not recorded")
	}
	if list := k.finish(2 * time.Second); list.Duration() != time.Second || !list.Segments[0].Begins.Equal(testBegin.Add(time.Second)) {
		t.Errorf("the playlist is %+v", list)
	}
}

// The participant may publish again, or the process be killed before that.
func TestMediaWriter_StoresAllOfAPartThatEnded(t *testing.T) {
	k := newTake(t)
	k.video(0, true)
	k.video(500*time.Millisecond, false)
	if err := k.w.interrupt(testBegin.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if d := k.stored().Duration(); d != time.Second {
		t.Errorf("%v of a part of a second are stored", d)
	}
	k.video(10*time.Second, true)
	if list := k.finish(11 * time.Second); len(list.Segments) != 2 || !list.Segments[1].Discontinuity || list.Duration() != 2*time.Second {
		t.Errorf("the playlist is %+v", list)
	}
}

func TestMediaWriter_FillsMissingAudioWithSilence(t *testing.T) {
	k := newTake(t)
	k.video(0, true)
	k.sound(0)
	k.sound(time.Second)
	if got, want := k.w.audioNext, int64(opusRate); got < want || got > want+2*opusSilenceTicks {
		t.Errorf("audio goes on to tick %d, not about %d", got, want)
	}
	k.sound(500 * time.Millisecond) // too late
	if got := k.w.audioNext; got > opusRate+2*opusSilenceTicks {
		t.Errorf("late audio made it %d", got)
	}
}

// stop has time pass without media.
func (k take) stop(from, to time.Duration) (asked bool) {
	k.t.Helper()
	for at := from; at < to; at += tickInterval {
		ok, err := k.w.tick(testBegin.Add(at))
		if err != nil {
			k.t.Fatal(err)
		}
		asked = asked || !ok
	}
	return asked
}

func TestMediaWriter_HoldsTheLastPictureWhileVideoIsStopped(t *testing.T) {
	k := newTake(t)
	k.video(0, true)
	k.video(33*time.Millisecond, false)
	if !k.stop(0, 20*time.Second) {
		t.Error("no keyframe was asked for")
	}
	if !k.video(20*time.Second, false) {
		t.Error("the picture after the last one was not recorded")
	}
	if pictures := k.w.pictures; pictures != 3 {
		t.Errorf("the frame rate is that of %d pictures", pictures)
	}
	list := k.finish(22 * time.Second)
	if d := list.Duration(); d != 22*time.Second {
		t.Errorf("the recording lasts %v", d)
	}
	for i, g := range list.Segments[:len(list.Segments)-1] {
		if g.Duration < k.w.target || g.Duration > k.w.target+tickInterval || g.Discontinuity {
			t.Errorf("segment %d is %+v", i, g)
		}
	}
}

// Larger groups are not written again, and their memory is not kept.
func TestMediaWriter_HoldsTheLastKeyframeOfALargeGroup(t *testing.T) {
	for name, pad := range map[string]int{"pictures": 0, "bytes": maxShownSize / 100} {
		t.Run(name, func(t *testing.T) {
			k := newTake(t)
			k.video(0, true)
			for n := range time.Duration(maxShownPictures) {
				picture := append(bytes.Clone(testPicture), make([]byte, pad)...)
				if _, err := k.w.writeVideo(testBegin.Add(n*time.Millisecond), picture, false); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(k.w.shown.pictures); n != 1 {
				t.Errorf("%d pictures are kept", n)
			}
			k.stop(0, 10*time.Second)
			if k.video(10*time.Second, false) || !k.video(11*time.Second, true) {
				t.Error("video did not go on with a keyframe")
			}
			if d := k.finish(12 * time.Second).Duration(); d != 12*time.Second {
				t.Errorf("the recording lasts %v", d)
			}
		})
	}
}

// The pictures of a publisher whose clock is ahead of this one's have times after the end.
func TestMediaWriter_EndsAudioAndVideoTogether(t *testing.T) {
	for _, last := range []time.Duration{33 * time.Millisecond, 500 * time.Millisecond} {
		k := newTake(t)
		k.video(0, true)
		k.video(last, false)
		d := k.finish(100 * time.Millisecond).Duration()
		if audio := time.Duration(k.w.audioNext) * time.Second / opusRate; (audio-d).Abs() > 20*time.Millisecond || d < last {
			t.Errorf("video until %v: it has %v, with audio of %v", last, d, audio)
		}
	}
}

func TestMediaWriter_KeepsThePictureOfAShortStall(t *testing.T) {
	k := newTake(t)
	k.video(0, true)
	for at := time.Duration(0); at < 3*time.Second; at += tickInterval {
		if at >= 1500*time.Millisecond && at < 2*time.Second {
			k.video(at, true) // the segment is not due until 3.5 s
		}
		if _, err := k.w.tick(testBegin.Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	if !k.video(3*time.Second, false) {
		t.Error("the picture after the stall was not recorded: the last keyframe was repeated before a segment was due")
	}
	if d := k.finish(4 * time.Second).Duration(); d != 4*time.Second {
		t.Errorf("the recording lasts %v", d)
	}
}

// changeFormat sends a keyframe with other parameter sets.
func (k take) changeFormat(at time.Duration) {
	k.t.Helper()
	other := append([]byte{}, testPPS...)
	other[len(other)-1] = 0x30
	if ok, err := k.w.writeVideo(testBegin.Add(at), annexB(testSPS, other, []byte{0x65, 9}), true); !ok || err != nil {
		k.t.Fatal(ok, err)
	}
}

func TestMediaWriter_BeginsASectionWithNewParameterSets(t *testing.T) {
	k := newTake(t)
	k.video(0, true)
	k.changeFormat(time.Second)
	list := k.finish(3 * time.Second)
	if len(list.Segments) != 2 || list.Segments[1].Init != "init-1.mp4" || !list.Segments[1].Discontinuity || !list.Segments[1].Begins.Equal(testBegin.Add(time.Second)) {
		t.Errorf("the playlist is %+v", list)
	}
}

// A publisher that is short of processor time sends pictures late, and audio in time.
func TestMediaWriter_BeginsASectionAfterTheAudioOfTheLast(t *testing.T) {
	for _, ahead := range []time.Duration{0, 20 * time.Millisecond, 1900 * time.Millisecond} {
		k := newTake(t)
		k.video(0, true)
		const change = 2 * time.Second
		for at := time.Duration(0); at < change+ahead; at += 20 * time.Millisecond {
			k.sound(at)
		}
		k.changeFormat(change)
		for at := change + ahead; at < 5*time.Second; at += 20 * time.Millisecond {
			k.sound(at)
			k.video(at, false)
		}
		list := k.finish(5 * time.Second)
		var end time.Time
		for i, g := range list.Segments {
			if i > 0 && !g.Begins.Equal(end) {
				t.Errorf("audio %v ahead: segment %d begins %v after the end of the one before it", ahead, i, g.Begins.Sub(end))
			}
			end = g.Begins.Add(g.Duration)
		}
		if !end.Equal(testBegin.Add(5 * time.Second)) {
			t.Errorf("audio %v ahead: the recording ends after %v", ahead, end.Sub(testBegin))
		}
	}
}
