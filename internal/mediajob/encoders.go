//go:build cgo

package mediajob

import (
	"fmt"
	"io"

	"rostrum/internal/codec"
)

// ListEncoders opens each video encoder that a composition may name and writes whether
// it works on this machine.
func ListEncoders(out io.Writer) error {
	for _, name := range []string{"libx264", "h264_nvenc", "h264_vaapi", "h264_qsv", "h264_videotoolbox", "libopenh264"} {
		result := "works"
		e, err := codec.NewVideoEncoder(codec.VideoConfig{Encoder: name, Width: 1280, Height: 720, FrameRate: 30, Bitrate: 2_500_000, KeyframeTicks: 60})
		if err != nil {
			result = err.Error()
		} else {
			e.Close()
		}
		if _, err := fmt.Fprintf(out, "%-18s %s\n", name, result); err != nil {
			return err
		}
	}
	return nil
}
