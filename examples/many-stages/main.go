// Command many-stages creates ten stages at once and deletes them again, with the
// asynchronous client.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"rostrum/ivsrealtime"
)

func main() {
	ctx := context.Background()
	client, err := ivsrealtime.NewAsyncClientBuilder().MaxConcurrency(4).Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	var creations []*ivsrealtime.Call[*ivsrealtime.CreateStageOutput]
	for i := range 10 {
		creations = append(creations, client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: fmt.Sprintf("stage-%d", i)}))
	}
	created, err := ivsrealtime.All(ctx, client, creations...).Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}

	var deletions []*ivsrealtime.Call[*ivsrealtime.DeleteStageOutput]
	for _, out := range created {
		fmt.Println("created", out.Stage.Name)
		deletions = append(deletions, client.DeleteStage(ctx, &ivsrealtime.DeleteStageInput{ARN: out.Stage.ARN}))
	}
	if _, err := ivsrealtime.All(ctx, client, deletions...).Wait(ctx); err != nil {
		log.Fatal(err)
	}

	_, err = client.GetStage(ctx, &ivsrealtime.GetStageInput{ARN: created[0].Stage.ARN}).Wait(ctx)
	fmt.Println("deleted", errors.Is(err, ivsrealtime.ResourceNotFound))
}
