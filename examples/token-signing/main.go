// Command token-signing imports a public key and signs a participant token with its
// private half, so that the application needs no call to the service for each participant.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"rostrum/ivsrealtime"
)

func main() {
	ctx := context.Background()
	client, err := ivsrealtime.NewClientBuilder().Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	// A real application keeps its key in a file: ivsrealtime.ParsePrivateKey reads the PEM.
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	material, err := ivsrealtime.PublicKeyMaterial(&key.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	imported, err := client.ImportPublicKey(ctx, &ivsrealtime.ImportPublicKeyInput{Name: "tokens", PublicKeyMaterial: material})
	if err != nil {
		log.Fatal(err)
	}
	created, err := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "lobby"})
	if err != nil {
		log.Fatal(err)
	}

	signer, err := ivsrealtime.NewTokenSigner(imported.PublicKey.ARN, key)
	if err != nil {
		log.Fatal(err)
	}
	claims := created.Stage.Claims() // the stage's ARN and its two addresses
	claims.UserID = "alice"
	claims.ExpiresAt = time.Now().Add(time.Hour)
	token, err := signer.Sign(claims)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("token", token)
}
