package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rostrum/internal/media"
)

// A matroskaWriter writes Matroska or WebM like a live stream: with unknown sizes, which
// every player reads, and without an index. Tracks are described by their first frames,
// which have H.264's parameter sets.
type matroskaWriter struct {
	f       *os.File
	tracks  []Track
	private [][]byte // of each track
	waiting []Frame  // until all tracks can be described
	started bool
	begun   bool
	cluster time.Duration
	bytes   int // in this cluster
}

// Blocks of a cluster have 16-bit times, and players need short clusters.
const (
	clusterTime  = 5 * time.Second
	clusterBytes = 4 << 20
	maxWaiting   = 512 // frames; a track without a frame is then described without it
)

func newMatroskaWriter(f *os.File, tracks []Track) (Writer, error) {
	w := &matroskaWriter{f: f, tracks: tracks, private: make([][]byte, len(tracks))}
	for i, t := range tracks {
		if t.Codec == media.Opus {
			head, err := opusHead(t.Channels)
			if err != nil {
				return nil, err
			}
			w.private[i] = head
		}
	}
	return w, nil
}

func (w *matroskaWriter) Write(f Frame) error {
	if w.tracks[f.Track].Codec == media.H264 && f.Keyframe && w.private[f.Track] == nil {
		config, err := avcRecord(f.Data)
		if err != nil {
			return err
		}
		w.private[f.Track] = config
	}
	if w.started {
		return w.block(f)
	}
	w.waiting = append(w.waiting, f)
	if len(w.waiting) < maxWaiting && !w.described() {
		return nil
	}
	return w.start()
}

func (w *matroskaWriter) described() bool {
	for i, t := range w.tracks {
		if t.Codec == media.H264 && w.private[i] == nil {
			return false
		}
	}
	return true
}

func (w *matroskaWriter) start() error {
	w.started = true
	docType := "matroska"
	if strings.EqualFold(filepath.Ext(w.f.Name()), ".webm") {
		docType = "webm"
	}
	out := element(idEBML,
		elementUint(idEBMLVersion, 1), elementUint(idEBMLReadVersion, 1), elementUint(idEBMLMaxIDLength, 4), elementUint(idEBMLMaxSize, 8),
		element(idDocType, []byte(docType)), elementUint(idDocTypeVersion, 4), elementUint(idDocTypeRead, 2))
	out = open64(out, idSegment)
	out = append(out, element(idInfo, elementUint(idTimestampScale, 1_000_000), element(idMuxingApp, []byte("rostrum")), element(idWritingApp, []byte("rostrum")))...)
	var entries [][]byte
	for i, t := range w.tracks {
		entries = append(entries, w.entry(i, t))
	}
	out = append(out, element(idTracks, entries...)...)
	if _, err := w.f.Write(out); err != nil {
		return err
	}
	for _, f := range w.waiting {
		if err := w.block(f); err != nil {
			return err
		}
	}
	w.waiting = nil
	return nil
}

// open64 begins an element of unknown size.
func open64(dst []byte, id uint32) []byte {
	return append(appendID(dst, id), 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)
}

func (w *matroskaWriter) entry(i int, t Track) []byte {
	var codec string
	for id, c := range matroskaCodecs {
		if c == t.Codec {
			codec = id
		}
	}
	kind, medium := uint64(1), element(idVideo, elementUint(idPixelWidth, uint64(t.Width)), elementUint(idPixelHeight, uint64(t.Height)))
	if t.Codec.Kind() == media.Audio {
		kind, medium = 2, element(idAudio, elementFloat(idSampling, 48000), elementUint(idChannels, uint64(max(t.Channels, 1))))
	}
	parts := [][]byte{elementUint(idTrackNumber, uint64(i+1)), elementUint(idTrackUID, uint64(i+1)), elementUint(idTrackType, kind), element(idCodecID, []byte(codec)), medium}
	if w.private[i] != nil {
		parts = append(parts, element(idCodecPrivate, w.private[i]))
	}
	return element(idTrackEntry, parts...)
}

func (w *matroskaWriter) block(f Frame) error {
	var out []byte
	relative := f.Time - w.cluster
	if !w.begun || relative >= clusterTime || relative < -clusterTime || w.bytes > clusterBytes {
		w.begun, w.cluster, relative, w.bytes = true, f.Time.Truncate(time.Millisecond), 0, 0
		out = append(open64(out, idCluster), elementUint(idTimestamp, uint64(f.Time.Milliseconds()))...)
	}
	head := []byte{0x80 | byte(f.Track+1), 0, 0, 0}
	binary.BigEndian.PutUint16(head[1:], uint16(int16(relative.Milliseconds())))
	if f.Keyframe {
		head[3] = 0x80
	}
	data := f.Data
	if w.tracks[f.Track].Codec == media.H264 {
		data = withLengths(data)
	}
	w.bytes += len(data)
	_, err := w.f.Write(append(out, element(idSimpleBlock, head, data)...))
	return err
}

func (w *matroskaWriter) Close() error {
	var err error
	if !w.started && len(w.waiting) > 0 {
		err = w.start()
	}
	return errors.Join(err, w.f.Close())
}

// withLengths converts Annex B to NAL units with lengths of 4 bytes.
func withLengths(unit []byte) []byte {
	out := make([]byte, 0, len(unit)+8)
	for _, nal := range h264Units(unit) {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(nal))), nal...)
	}
	return out
}

// avcRecord makes an AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3) from the
// parameter sets of a keyframe.
func avcRecord(keyframe []byte) ([]byte, error) {
	sps, pps := parameterSets(keyframe)
	if len(sps) < 4 || len(pps) == 0 {
		return nil, fmt.Errorf("an H.264 keyframe of %d bytes without parameter sets", len(keyframe))
	}
	out := []byte{1, sps[1], sps[2], sps[3], 0xFF, 0xE1}
	out = append(binary.BigEndian.AppendUint16(out, uint16(len(sps))), sps...)
	out = append(out, byte(len(pps)))
	for _, set := range pps {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(set))), set...)
	}
	return out, nil
}

const maxPPS = 255 // in an AVCDecoderConfigurationRecord

// parameterSets returns the last SPS of a keyframe, and all its PPS: its slices may refer to
// any of them.
func parameterSets(unit []byte) (sps []byte, pps [][]byte) {
	for _, nal := range h264Units(unit) {
		switch nal[0] & 0x1F {
		case nalSPS:
			sps = bytes.Clone(nal)
		case nalPPS:
			if len(pps) < maxPPS {
				pps = append(pps, bytes.Clone(nal))
			}
		}
	}
	return sps, pps
}
