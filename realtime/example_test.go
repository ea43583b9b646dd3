package realtime_test

import (
	"context"
	"fmt"

	"rostrum/realtime"
)

// speak publishes a file to the stage of a token, and prints who comes and goes meanwhile.
func speak(ctx context.Context, token, path string) error {
	file, err := realtime.OpenFile(path, realtime.FileConfig{})
	if err != nil {
		return err
	}
	stage, err := realtime.Join(ctx, token, realtime.Config{})
	if err != nil {
		return err
	}
	defer stage.Close()
	if _, err := stage.Publish(ctx, file.Tracks()...); err != nil {
		return err
	}
	go func() {
		for event := range stage.Events() {
			fmt.Printf("%T %+v\n", event, event)
		}
	}()
	return file.Run(ctx)
}
