package server

import (
	"context"

	"rostrum/internal/quality"
	"rostrum/internal/sfu"
)

// keepQuality samples how well media get through, until ctx ends.
func keepQuality(l *listeners, r *runtime) func(context.Context) error {
	process := newProcess()
	return func(ctx context.Context) error {
		if r.quality == nil {
			<-ctx.Done()
			return nil
		}
		return r.quality.Run(ctx, quality.Sources{
			Media: r.stages.MediaSamples,
			Load: func() quality.Load {
				cpuSeconds, _ := process.usage()
				return quality.Load{CPUSeconds: cpuSeconds, Drops: l.engine.Stats().Drops[sfu.ShardBehind]}
			},
		})
	}
}
