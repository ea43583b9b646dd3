package ivsrealtime_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
)

// service stands in for Amazon's, or for a Rostrum, so that the examples run
// without either. A program needs only the builder's region and credentials, or
// finds them in the environment.
func service() (*httptest.Server, aws.CredentialsProvider) {
	compositions := 0
	answers := func(operation, body string) string {
		switch operation {
		case "/CreateStage":
			name := strings.TrimSuffix(strings.TrimPrefix(body, `{"name":"`), `"}`)
			return `{"stage":{"arn":"arn:aws:ivs:eu-west-1:111122223333:stage/` + name + `","name":"` + name + `"}}`
		case "/CreateParticipantToken":
			return `{"participantToken":{"participantId":"Qw2eRt5yUi8o","userId":"alice","token":"secret"}}`
		case "/ListStages":
			if strings.Contains(body, "page2") {
				return `{"stages":[{"name":"stand"}]}`
			}
			return `{"stages":[{"name":"lobby"},{"name":"hall"}],"nextToken":"page2"}`
		case "/GetComposition":
			compositions++
			if compositions < 2 {
				return `{"composition":{"state":"STARTING"}}`
			}
			return `{"composition":{"state":"ACTIVE"}}`
		}
		return "{}"
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-amzn-RequestId", "c0ffee")
		if r.URL.Path == "/GetStage" {
			w.Header().Set("x-amzn-ErrorType", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"exceptionMessage":"stage not found"}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, answers(r.URL.Path, string(body)))
	}))
	return server, credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "")
}

// Make a stage, and a token with which a participant can join it.
func Example() {
	ctx := context.Background()
	server, keys := service()
	defer server.Close()

	client, err := ivsrealtime.NewClientBuilder().
		Region("eu-west-1").
		EndpointOverride(server.URL). // leave out to reach Amazon's service
		CredentialsProvider(keys).    // leave out to use the environment's
		Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	stage, err := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "lobby"})
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{
		StageARN: stage.Stage.ARN,
		UserID:   "alice",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stage.Stage.ARN)
	fmt.Println(token.ParticipantToken.UserID, "is", token.ParticipantToken.ParticipantID)
	// Output:
	// arn:aws:ivs:eu-west-1:111122223333:stage/lobby
	// alice is Qw2eRt5yUi8o
}

// With AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for a Rostrum,
// AWS_ENDPOINT_URL_IVS_REALTIME in the environment, nothing has to be set.
func ExampleNewClientBuilder() {
	ctx := context.Background()
	client, err := ivsrealtime.NewClientBuilder().
		RetryMode(aws.RetryModeAdaptive).
		MaxAttempts(5).
		CallTimeout(20 * time.Second).
		UserAgent("concierge/2.1").
		Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println("calls go to", client.ServiceClientConfiguration().Endpoint())
}

// An error's code tells what to do, and errors.As what to tell.
func ExampleError() {
	ctx := context.Background()
	server, keys := service()
	defer server.Close()
	client, err := ivsrealtime.NewClientBuilder().Region("eu-west-1").EndpointOverride(server.URL).CredentialsProvider(keys).Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = client.GetStage(ctx, &ivsrealtime.GetStageInput{ARN: "arn:aws:ivs:eu-west-1:111122223333:stage/gone"})
	var e *ivsrealtime.Error
	switch {
	case errors.Is(err, ivsrealtime.ResourceNotFound):
		fmt.Println("somebody has deleted it")
	case errors.As(err, &e):
		fmt.Println(e.Code, e.Message, e.RequestID)
	}
	fmt.Println(err)
	// Output:
	// somebody has deleted it
	// GetStage: ResourceNotFoundException: stage not found (status 404, request c0ffee)
}

// A walk asks for each page when it gets there.
func ExampleClient_Stages() {
	ctx := context.Background()
	server, keys := service()
	defer server.Close()
	client, err := ivsrealtime.NewClientBuilder().Region("eu-west-1").EndpointOverride(server.URL).CredentialsProvider(keys).Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for stage, err := range client.Stages(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(stage.Name)
	}
	// Output:
	// lobby
	// hall
	// stand
}

func ExampleClient_WaitUntilCompositionActive() {
	ctx := context.Background()
	server, keys := service()
	defer server.Close()
	client, err := ivsrealtime.NewClientBuilder().Region("eu-west-1").EndpointOverride(server.URL).CredentialsProvider(keys).Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	composition, err := client.WaitUntilCompositionActive(ctx,
		&ivsrealtime.GetCompositionInput{ARN: "arn:aws:ivs:eu-west-1:111122223333:composition/Ab3dEf6hIj9k"},
		ivsrealtime.WaitOptions{MaxWait: time.Minute, MinDelay: time.Millisecond})
	var not *ivsrealtime.CompositionWaitError
	if errors.As(err, &not) {
		log.Fatal("it is ", not.Composition.State)
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(composition.State)
	// Output: ACTIVE
}

// Three stages are made at once; All gathers the answers in their order.
func ExampleAsyncClient() {
	ctx := context.Background()
	server, keys := service()
	defer server.Close()
	client, err := ivsrealtime.NewAsyncClientBuilder().
		Region("eu-west-1").EndpointOverride(server.URL).CredentialsProvider(keys).
		MaxConcurrency(10).
		Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	var calls []*ivsrealtime.Call[*ivsrealtime.CreateStageOutput]
	for _, name := range []string{"lobby", "hall", "stand"} {
		calls = append(calls, client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: name}))
	}
	stages, err := ivsrealtime.All(ctx, client, calls...).Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range stages {
		fmt.Println(s.Stage.Name)
	}
	// Output:
	// lobby
	// hall
	// stand
}

// What is to follow a call is said when it begins.
func ExampleThen() {
	ctx := context.Background()
	server, keys := service()
	defer server.Close()
	client, err := ivsrealtime.NewAsyncClientBuilder().Region("eu-west-1").EndpointOverride(server.URL).CredentialsProvider(keys).Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	stage := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "lobby"})
	token := ivsrealtime.Then(ctx, stage, func(ctx context.Context, out *ivsrealtime.CreateStageOutput) (*ivsrealtime.CreateParticipantTokenOutput, error) {
		return client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{StageARN: out.Stage.ARN, UserID: "alice"}).Wait(ctx)
	})
	out, err := token.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.ParticipantToken.UserID)
	// Output: alice
}

// An interceptor sees every attempt, and may add headers to its request.
func ExampleInterceptor() {
	ctx := context.Background()
	server, keys := service()
	defer server.Close()
	client, err := ivsrealtime.NewClientBuilder().Region("eu-west-1").EndpointOverride(server.URL).CredentialsProvider(keys).
		Interceptors(ivsrealtime.Interceptor{
			BeforeTransmit: func(_ context.Context, _ ivsrealtime.Attempt, r *http.Request) error {
				r.Header.Set("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678")
				return nil
			},
			AfterAttempt: func(_ context.Context, a ivsrealtime.Attempt) {
				fmt.Println(a.Operation, "attempt", a.Number, "status", a.StatusCode, "request", a.RequestID)
			},
		}).
		Build(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if _, err := client.ListPublicKeys(ctx, nil); err != nil {
		log.Fatal(err)
	}
	// Output: ListPublicKeys attempt 1 status 200 request c0ffee
}

// An application that signs its tokens itself imports the public half of its
// key once, and asks the service no more.
func ExampleTokenSigner() {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader) // or ParsePrivateKey of a PEM file
	if err != nil {
		log.Fatal(err)
	}
	material, err := ivsrealtime.PublicKeyMaterial(&key.PublicKey) // for ImportPublicKey
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.SplitN(material, "\n", 2)[0])

	signer, err := ivsrealtime.NewTokenSigner("arn:aws:ivs:eu-west-1:111122223333:public-key/Ab3dEf6hIj9k", key)
	if err != nil {
		log.Fatal(err)
	}
	stage := &ivsrealtime.Stage{ // as GetStage tells it
		ARN:       "arn:aws:ivs:eu-west-1:111122223333:stage/Zy9xWv6uTs3r",
		Endpoints: &ivsrealtime.StageEndpoints{Events: "wss://rostrum.example/events", WHIP: "https://rostrum.example/whip"},
	}
	claims := stage.Claims()
	claims.UserID = "alice"
	claims.Capabilities = []ivsrealtime.Capability{ivsrealtime.CapabilitySubscribe}
	token, err := signer.Sign(claims)
	if err != nil {
		log.Fatal(err)
	}

	said, err := ivsrealtime.VerifyToken(token, &key.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(said.UserID, said.Capabilities, said.ExpiresAt.Sub(said.IssuedAt))
	// Output:
	// -----BEGIN PUBLIC KEY-----
	// alice [SUBSCRIBE] 12h0m0s
}
