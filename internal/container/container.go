// Package container reads and writes files of encoded media without decoding it:
// MP4 (plain and fragmented), Matroska and WebM, IVF, Ogg and raw H.264.
package container

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rostrum/internal/media"
)

// A Track is one medium of a file.
type Track struct {
	Codec         media.Codec
	Width, Height int // pixels; 0 if the file doesn't say
	Channels      int // of sound
}

// A Frame is one coded picture, or one packet of sound. H.264 is in Annex B form,
// a keyframe with its parameter sets; AV1 is a temporal unit of OBUs with sizes.
type Frame struct {
	Track    int           // index into Tracks
	Time     time.Duration // since the beginning, when to show it
	Duration time.Duration // 0 if unknown
	Keyframe bool          // true of all sound
	Data     []byte
}

// A Reader hands out a file's frames about in the order of their times. It is for
// one goroutine.
type Reader interface {
	// Tracks are the file's media, at most one video and one audio.
	Tracks() []Track
	// Next returns io.EOF after the last frame.
	Next() (Frame, error)
	io.Closer
}

// A Writer takes frames about in the order of their times; each track begins with
// a keyframe. Close completes the file.
type Writer interface {
	Write(Frame) error
	io.Closer
}

// Options say what to leave out of a file, and what it doesn't say itself.
type Options struct {
	NoAudio, NoVideo bool
	FPS              float64 // of raw H.264 that has no timing; 0 takes 30
}

// Open reads a file that can be published as it is. Which kind it is stands in its
// first bytes. An Unsupported error says what to convert, and how.
func Open(path string, o Options) (Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := open(f, o)
	if err != nil {
		f.Close()
		if u, ok := err.(*Unsupported); ok {
			u.path = path
			return nil, u
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// file is what a Reader needs of an open file.
type file interface {
	io.ReadSeeker
	io.ReaderAt
	io.Closer
}

func open(f file, o Options) (Reader, error) {
	in := bufio.NewReaderSize(f, 1<<20)
	start, err := in.Peek(12)
	if err != nil && len(start) < 4 {
		return nil, fmt.Errorf("too short to be media: %d bytes", len(start))
	}
	switch {
	case bytes.HasPrefix(start, []byte("DKIF")):
		return newIVFReader(in, f)
	case bytes.HasPrefix(start, []byte("OggS")):
		return newOggReader(in, f)
	case bytes.HasPrefix(start, []byte{0x1A, 0x45, 0xDF, 0xA3}):
		return newMatroskaReader(in, f, o)
	case bytes.HasPrefix(start, []byte{0, 0, 1}), bytes.HasPrefix(start, []byte{0, 0, 0, 1}):
		return newH264Reader(in, f, o)
	case len(start) == 12 && isMP4Box(string(start[4:8])):
		return newMP4Reader(f, o)
	}
	return nil, &Unsupported{problems: []problem{{what: "the file is no MP4, Matroska, WebM, IVF, Ogg or raw H.264", video: true, audio: true}}}
}

// Unsupported says that a file must be converted before it can be published.
type Unsupported struct {
	path     string
	problems []problem
}

// problem is one reason, and what must be converted for it.
type problem struct {
	what         string
	video, audio bool
}

func (u *Unsupported) Error() string {
	video, audio := "copy", "copy"
	var whats []string
	for _, p := range u.problems {
		whats = append(whats, p.what)
		if p.video {
			video = "libx264 -profile:v baseline -pix_fmt yuv420p -bf 0 -g 60 -tune zerolatency"
		}
		if p.audio {
			audio = "libopus -b:a 96k"
		}
	}
	out := strings.TrimSuffix(filepath.Base(u.path), filepath.Ext(u.path)) + "-stage.mkv"
	return fmt.Sprintf("%s can't be published as it is: %s. To convert it: ffmpeg -i %s -c:v %s -c:a %s %s",
		u.path, strings.Join(whats, "; "), quote(u.path), video, audio, quote(out))
}

// quote makes a path one word of a shell.
func quote(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// reordered is the problem of H.264 whose pictures are not shown in the order they
// are coded in: WebRTC has no decoding time, so viewers would stutter.
func reordered(number int) problem {
	return problem{what: fmt.Sprintf("track %d has B-frames, which viewers can't play in real time", number), video: true}
}

// claimed is what a file says of one of its tracks.
type claimed struct {
	number int
	kind   media.Kind
	codec  media.Codec // NoCodec if we can't carry it
	name   string      // of the codec, as the file or people call it
}

// choose picks the first video and the first audio track that are wanted, by index
// into all; −1 is none. A wanted one that can't be carried is an Unsupported error.
func choose(all []claimed, o Options) (video, audio int, err error) {
	video, audio = -1, -1
	u := &Unsupported{}
	for i, c := range all {
		switch {
		case c.kind == media.Video && video < 0 && !o.NoVideo:
			video = i
			if c.codec == media.NoCodec {
				u.problems = append(u.problems, problem{what: fmt.Sprintf("track %d is %s, and stages carry H.264, VP8, VP9 and AV1", c.number, c.name), video: true})
			}
		case c.kind == media.Audio && audio < 0 && !o.NoAudio:
			audio = i
			if c.codec == media.NoCodec {
				u.problems = append(u.problems, problem{what: fmt.Sprintf("track %d is %s, and the sound of stages is Opus", c.number, c.name), audio: true})
			}
		}
	}
	if len(u.problems) > 0 {
		return 0, 0, u
	}
	if video < 0 && audio < 0 {
		return 0, 0, fmt.Errorf("no track to publish among %d", len(all))
	}
	return video, audio, nil
}

// Create makes a file for the tracks; its name's ending says which kind: .h264,
// .ivf and .ogg take one track of their codecs, .mkv, .webm and .mp4 all.
func Create(path string, tracks []Track) (Writer, error) {
	make, err := writerFor(strings.ToLower(filepath.Ext(path)), tracks)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w, err := make(f, tracks)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

// Takes tells whether files of that name can hold a codec.
func Takes(path string, c media.Codec) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".h264", ".264":
		return c == media.H264
	case ".ivf":
		return c == media.VP8 || c == media.VP9 || c == media.AV1
	case ".ogg", ".opus":
		return c == media.Opus
	case ".webm":
		return c != media.H264
	case ".mkv":
		return true
	case ".mp4":
		return c != media.VP8
	}
	return false
}

func writerFor(ending string, tracks []Track) (func(*os.File, []Track) (Writer, error), error) {
	for _, t := range tracks {
		if !Takes(ending, t.Codec) {
			return nil, fmt.Errorf("files ending in %q take no %s", ending, t.Codec)
		}
	}
	single := ending != ".mkv" && ending != ".webm" && ending != ".mp4"
	if single && len(tracks) != 1 {
		return nil, fmt.Errorf("files ending in %q take one track, not %d", ending, len(tracks))
	}
	switch ending {
	case ".h264", ".264":
		return newH264Writer, nil
	case ".ivf":
		return newIVFWriter, nil
	case ".ogg", ".opus":
		return newOggWriter, nil
	case ".mp4":
		return newMP4Writer, nil
	}
	return newMatroskaWriter, nil
}
