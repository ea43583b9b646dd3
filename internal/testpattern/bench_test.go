package testpattern

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkVideo is what a second of each layer that publish and demo send costs.
func BenchmarkVideo(b *testing.B) {
	for _, c := range []VideoConfig{
		{Width: 320, Height: 180, FPS: 15, Bitrate: 150_000},
		{Width: 640, Height: 360, FPS: 30, Bitrate: 500_000},
		{Width: 1280, Height: 720, FPS: 30},
		{Width: 1280, Height: 720, FPS: 30, Bitrate: 2_500_000},
	} {
		b.Run(fmt.Sprintf("%dx%d at %d, %d bit/s", c.Width, c.Height, c.FPS, c.Bitrate), func(b *testing.B) {
			v, err := NewVideo(c)
			if err != nil {
				b.Fatal(err)
			}
			n, bytes := uint32(0), 0
			for b.Loop() {
				for range c.FPS {
					unit, _ := v.Frame(n, sentAt.Add(time.Duration(n)*time.Second/time.Duration(c.FPS)), false)
					bytes += len(unit)
					n++
				}
			}
			b.ReportMetric(float64(bytes)*8/float64(b.N)/1000, "kbit/s")
		})
	}
}
