// Command publish-file publishes a file to a stage until it ends: publish-file TOKEN FILE
package main

import (
	"context"
	"log"
	"os"

	"rostrum/realtime"
)

func main() {
	ctx := context.Background()
	file, err := realtime.OpenFile(os.Args[2], realtime.FileConfig{})
	if err != nil {
		log.Fatal(err)
	}
	stage, err := realtime.Join(ctx, os.Args[1], realtime.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer stage.Close()
	if _, err = stage.Publish(ctx, file.Tracks()...); err == nil {
		err = file.Run(ctx)
	}
	if err != nil {
		log.Print(err)
	}
}
