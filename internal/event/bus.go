package event

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The limits of PutEvents (API reference, PutEvents; EventBridge User Guide,
// «Calculating event entry size»).
const (
	maxBusEntries = 10
	// busBytes are put together in a request: any bus takes them. A larger event goes
	// alone, and the bus decides: EventBridge takes 1 MB since 2026, others 256 KiB.
	busBytes = 256 << 10
	busTime  = 14 // bytes that the time of an entry counts
)

const (
	busTimeout  = 20 * time.Second
	busParallel = 8
)

// bus puts events on an EventBridge bus. A call holds at most one event of a
// stage, so that an entry that failed and comes again doesn't overtake.
type bus struct {
	Bus
	client *eventbridge.Client
}

func newBus(ctx context.Context, t Target) (*bus, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(t.Bus.Region)}
	if len(t.Secrets) > 0 {
		s := t.Secrets[0]
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(s.ID, s.Key, "")))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("configure the AWS client: %w", err)
	}
	b := &bus{Bus: *t.Bus}
	b.Source = cmp.Or(b.Source, DefaultBusSource)
	b.client = eventbridge.NewFromConfig(c, func(o *eventbridge.Options) {
		if b.Endpoint != "" {
			o.BaseEndpoint = aws.String(b.Endpoint)
		}
	})
	return b, nil
}

func (*bus) Options() DeliveryOptions {
	return DeliveryOptions{Batch: maxBusEntries, Parallel: busParallel}
}

// Send puts the events, in as many requests as their sizes ask for.
func (b *bus) Send(ctx context.Context, events []Event) []error {
	errs := make([]error, len(events))
	for from := 0; from < len(events); {
		to, size := from, 0
		for to < len(events) && to-from < maxBusEntries {
			n := b.size(events[to])
			if to > from && size+n > busBytes {
				break
			}
			size += n
			to++
		}
		b.put(ctx, events[from:to], errs[from:to])
		from = to
	}
	return errs
}

func (b *bus) size(e Event) int {
	return busTime + len(b.Source) + len(e.DetailType) + len(e.Detail) + len(e.Resource)
}

func (b *bus) put(ctx context.Context, events []Event, errs []error) {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	in := &eventbridge.PutEventsInput{}
	for _, e := range events {
		in.Entries = append(in.Entries, types.PutEventsRequestEntry{
			Source: &b.Source, EventBusName: &b.Name,
			DetailType: aws.String(e.DetailType), Detail: aws.String(string(e.Detail)),
			Resources: e.resources(), Time: aws.Time(e.Time.UTC().Truncate(time.Second)),
		})
	}
	out, err := b.client.PutEvents(ctx, in)
	if err != nil && isInvalid(err) {
		if len(events) > 1 { // one of them is at fault
			for i := range events {
				b.put(ctx, events[i:i+1], errs[i:i+1])
			}
			return
		}
		err = &RetryError{Err: fmt.Errorf("the event has %d bytes: %w", b.size(events[0]), err), Final: true}
	}
	if err == nil && len(out.Entries) != len(events) {
		err = fmt.Errorf("put %d events: the bus answered for %d", len(events), len(out.Entries))
	}
	if err != nil {
		copy(errs, all(events, err))
		return
	}
	for i, entry := range out.Entries {
		if entry.ErrorCode != nil || entry.EventId == nil {
			errs[i] = errors.New("the bus refused the event: " + aws.ToString(entry.ErrorCode) + ": " + aws.ToString(entry.ErrorMessage))
		}
	}
}

// isInvalid reports whether the bus refuses a request whenever it comes, as one that is
// too large.
func isInvalid(err error) bool {
	var api smithy.APIError
	var answer *smithyhttp.ResponseError
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException" ||
		errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusRequestEntityTooLarge
}

// Close has nothing to end: the SDK's connections go idle by themselves.
func (*bus) Close() error { return nil }
