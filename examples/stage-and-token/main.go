// Command stage-and-token creates a stage and a token with which a participant joins it.
package main

import (
	"context"
	"fmt"
	"log"

	"rostrum/ivsrealtime"
)

func main() {
	ctx := context.Background()
	client, err := ivsrealtime.NewClientBuilder().Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	created, err := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{
		Name: "lobby",
		Tags: map[string]string{"team": "events"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("stage", created.Stage.ARN)

	token, err := client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{
		StageARN:     created.Stage.ARN,
		UserID:       "alice",
		Capabilities: []ivsrealtime.Capability{ivsrealtime.CapabilityPublish, ivsrealtime.CapabilitySubscribe},
		Duration:     new(60), // minutes
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("participant", token.ParticipantToken.ParticipantID)
	fmt.Println("token", token.ParticipantToken.Token)

	for stage, err := range client.Stages(ctx, nil) { // asks for each page when the loop reaches it
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("listed", stage.Name, stage.ARN)
	}
}
