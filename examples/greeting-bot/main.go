// Command greeting-bot plays a file of audio whenever somebody joins: greeting-bot TOKEN FILE
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"

	"rostrum/realtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := welcome(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func welcome(ctx context.Context, token, path string) error {
	file, err := realtime.OpenFile(path, realtime.FileConfig{NoVideo: true})
	if err != nil {
		return err
	}
	stage, err := realtime.Join(ctx, token, realtime.Config{})
	if err != nil {
		return err
	}
	defer stage.Close()
	context.AfterFunc(ctx, func() { _ = stage.Close() })
	if _, err := stage.Publish(ctx, file.Tracks()...); err != nil {
		return err
	}
	for event := range stage.Events() {
		joined, ok := event.(realtime.ParticipantJoined)
		if !ok || joined.Participant.Local {
			continue
		}
		// Events wait meanwhile: who joins now is greeted after this.
		fmt.Println("welcome", joined.Participant.UserID)
		if err := file.Run(ctx); err != nil {
			return err
		}
	}
	switch err := stage.Err(); {
	case errors.Is(err, realtime.ErrClosed):
		return nil
	case errors.Is(err, realtime.TokenReused):
		return fmt.Errorf("another bot took over: %w", err)
	default:
		return err
	}
}
