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
	Width, Height int // pixels; 0 if unknown
	Channels      int // of audio
}

// A Frame is one encoded picture, or one packet of audio. H.264 is in Annex B form, a
// keyframe with its parameter sets; AV1 is a temporal unit of OBUs with sizes.
type Frame struct {
	Track    int           // index into Tracks
	Time     time.Duration // presentation time since the beginning
	Duration time.Duration // 0 if unknown
	Keyframe bool          // true for all audio
	Data     []byte
}

// A Reader returns a file's frames, approximately in the order of their times. It is for
// one goroutine.
type Reader interface {
	// Tracks are at most one video and one audio track.
	Tracks() []Track
	// Next returns io.EOF after the last frame.
	Next() (Frame, error)
	io.Closer
}

// A Writer takes frames approximately in the order of their times. Each track begins with a
// keyframe. Close completes the file.
type Writer interface {
	Write(Frame) error
	io.Closer
}

// Options say which media are omitted, and what a file does not contain.
type Options struct {
	NoAudio, NoVideo bool
	FPS              float64 // of raw H.264 without timing; 0 is 30
}

// Open reads a file that can be published without conversion. Its first bytes say which
// kind it is. An Unsupported error says what to convert, and how.
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

// A file is what a Reader needs of an open file.
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

// A problem is one reason, and what must be converted.
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

// quote makes a path one word for a shell.
func quote(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// reordered is the problem of H.264 with B-frames: WebRTC has no decoding times, so viewers
// would stutter.
func reordered(number int) problem {
	return problem{what: fmt.Sprintf("track %d has B-frames, which viewers can't play in real time", number), video: true}
}

// trackInfo is a file's description of one of its tracks.
type trackInfo struct {
	number int
	kind   media.Kind
	codec  media.Codec // NoCodec if it is not supported
	name   string      // of the codec, in the file or in common use
}

// choose returns the indices of the first video and the first audio track that are not
// omitted; −1 is none. A chosen track that is not supported is an Unsupported error.
func choose(all []trackInfo, o Options) (video, audio int, err error) {
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

// Create makes a file for the tracks, of the kind of its extension: .h264, .ivf and .ogg
// take one track of their codecs, .mkv, .webm and .mp4 all.
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

// Supports reports whether files of that name can hold a codec.
func Supports(path string, c media.Codec) bool {
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

func writerFor(extension string, tracks []Track) (func(*os.File, []Track) (Writer, error), error) {
	for _, t := range tracks {
		if !Supports(extension, t.Codec) {
			return nil, fmt.Errorf("files ending in %q cannot hold %s", extension, t.Codec)
		}
	}
	single := extension != ".mkv" && extension != ".webm" && extension != ".mp4"
	if single && len(tracks) != 1 {
		return nil, fmt.Errorf("files ending in %q hold one track, not %d", extension, len(tracks))
	}
	switch extension {
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
