package main

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivsrealtime"
	"github.com/aws/smithy-go"
)

// TestServe_TwoNodesShareRequestRates calls two processes on one database in turn: together
// they let through the managed service's rate, five calls a second after a burst of five.
func TestServe_TwoNodesShareRequestRates(t *testing.T) {
	first, second, keys, _ := twoNodes(t, "--limits", "aws")
	client := func(s *served) *ivsrealtime.Client {
		return ivsrealtime.New(ivsrealtime.Options{
			BaseEndpoint: &s.Endpoint, Region: "us-east-1", Retryer: aws.NopRetryer{},
			Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKey, keys.SecretKey, ""),
		})
	}
	clients := []*ivsrealtime.Client{client(first), client(second)}
	executed := make([]int, len(clients))
	start := time.Now()
	for refused := 0; time.Since(start) < 2*time.Second || refused == 0; {
		for i, c := range clients {
			_, err := c.ListStages(t.Context(), &ivsrealtime.ListStagesInput{})
			var api smithy.APIError
			switch {
			case err == nil:
				executed[i]++
			case errors.As(err, &api) && api.ErrorCode() == "ThrottlingException":
				refused++
			default:
				t.Fatal(err)
			}
		}
	}
	took := time.Since(start)
	if n, maxExecuted := executed[0]+executed[1], 6+int(5*took.Seconds()); n > maxExecuted || n < 5 || executed[0] == 0 || executed[1] == 0 {
		t.Errorf("%v calls in %v, expected up to %d, on both nodes", executed, took, maxExecuted)
	}
}
