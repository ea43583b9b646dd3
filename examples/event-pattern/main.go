// Command event-pattern follows the event log of a Rostrum and prints the events that match
// an EventBridge event pattern: its argument, or every participant that begins to publish.
package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

const published = `{"detail-type":["IVS Stage Update"],"detail":{"event_name":["Participant Published"]}}`

// noBody is the SHA-256 of an empty body, which a signature covers.
const noBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func main() {
	ctx := context.Background()
	pattern := published
	if len(os.Args) > 1 {
		pattern = os.Args[1]
	}
	if err := follow(ctx, cmp.Or(os.Getenv("AWS_ENDPOINT_URL_IVS_REALTIME"), "http://127.0.0.1:7080"), pattern); err != nil {
		log.Fatal(err)
	}
}

// follow prints the matching events, from the oldest in the log on, until the server ends the stream.
func follow(ctx context.Context, endpoint, pattern string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	keys, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	query := strings.ReplaceAll(url.Values{"pattern": {pattern}}.Encode(), "+", "%20") // as signatures have it
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/event-log?"+query, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	if err := v4.NewSigner().SignHTTP(ctx, keys, r, noBody, "ivs", cfg.Region, time.Now()); err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the event log answered %s", answer.Status)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if event, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
			fmt.Println(strings.TrimSpace(event))
		}
	}
	return lines.Err()
}
