package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// An Operator reads what the API has beside the operations of SDKs.
type Operator struct {
	Key    aws.Credentials
	Region string
	HTTP   *http.Client // nil for the default one
}

// Get makes a signed request of a URL, and reads the JSON that answers it.
func (o Operator) Get(ctx context.Context, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of no body
	if err := v4.NewSigner().SignHTTP(ctx, o.Key, r, emptyHash, "ivs", o.Region, time.Now()); err != nil {
		return err
	}
	client := o.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // to show
		return fmt.Errorf("GET %s: %s: %s", url, answer.Status, text)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
