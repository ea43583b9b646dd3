package event

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// webhookTimeout bounds one delivery, from the connection to the answer.
	webhookTimeout = 10 * time.Second
	// answerLimit is how much of an answer is read, so that the connection can
	// be used again.
	answerLimit = 16 << 10
	// webhookParallel is how many stages are told at a time.
	webhookParallel = 32
)

// The headers of a webhook's request.
const (
	HeaderEventID   = "Rostrum-Event-Id"
	HeaderTarget    = "Rostrum-Target"
	HeaderTimestamp = "Rostrum-Timestamp" // of the attempt: seconds since 1970
	HeaderSignature = "Rostrum-Signature" // <key id>=<hex>, once for each key, after commas
)

// webhook posts each event to a URL.
type webhook struct {
	target Target
	client *http.Client
}

func newWebhook(t Target) (*webhook, error) {
	if len(t.Secrets) == 0 {
		return nil, errors.New("it has no secret to sign with")
	}
	return &webhook{target: t, client: &http.Client{
		Timeout:   webhookTimeout,
		Transport: guardedTransport(t.Webhook.AllowPrivate),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // whoever may answer may not send us elsewhere
		},
	}}, nil
}

func (*webhook) Options() DeliveryOptions {
	return DeliveryOptions{Batch: 1, Parallel: webhookParallel}
}

// Send posts the event. A 2xx status means that it was taken.
func (w *webhook) Send(ctx context.Context, events []Event) []error {
	errs := make([]error, len(events))
	for i, e := range events {
		errs[i] = w.post(ctx, e)
	}
	return errs
}

func (w *webhook) post(ctx context.Context, e Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return &RetryError{Err: fmt.Errorf("write the envelope: %w", err), Final: true}
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, w.target.Webhook.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL can't be used")
	}
	now := time.Now()
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("User-Agent", "Rostrum-Webhook/1")
	q.Header.Set(HeaderEventID, e.ID)
	q.Header.Set(HeaderTarget, w.target.Name)
	q.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	q.Header.Set(HeaderSignature, sign(w.target.Secrets, now, body))
	a, err := w.client.Do(q)
	if err != nil {
		return unwrapURL(err)
	}
	defer a.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(a.Body, answerLimit)) // what it says doesn't matter
	if a.StatusCode >= 200 && a.StatusCode <= 299 {
		return nil
	}
	return &RetryError{Err: fmt.Errorf("it answered %d", a.StatusCode), After: retryAfter(a.Header, now)}
}

// retryAfter reads the header of that name (RFC 9110 §10.2.3): seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// mac is what a key makes of an attempt: HMAC-SHA256 over the timestamp in
// decimal, a full stop and the body.
func mac(key, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(timestamp))
	h.Write([]byte{'.'})
	h.Write(body)
	return h.Sum(nil)
}

func sign(secrets []Secret, at time.Time, body []byte) string {
	parts := make([]string, len(secrets))
	for i, s := range secrets {
		parts[i] = s.ID + "=" + hex.EncodeToString(mac(s.Key, strconv.FormatInt(at.Unix(), 10), body))
	}
	return strings.Join(parts, ",")
}

// signatureAge is how old an attempt may be when it is verified: longer than a
// request takes, too short to keep one for later.
const signatureAge = 5 * time.Minute

// Verify tells whether a webhook's request, with this body, comes from who has
// one of the secrets, and was made just now.
func Verify(h http.Header, body []byte, now time.Time, secrets ...Secret) error {
	timestamp := h.Get(HeaderTimestamp)
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errors.New("verify webhook: the timestamp is no number")
	}
	if age := now.Sub(time.Unix(at, 0)); age > signatureAge || age < -signatureAge {
		return errors.New("verify webhook: the request is not of now")
	}
	for part := range strings.SplitSeq(h.Get(HeaderSignature), ",") {
		id, text, _ := strings.Cut(strings.TrimSpace(part), "=")
		sum, err := hex.DecodeString(text)
		if err != nil {
			continue
		}
		for _, s := range secrets {
			if s.ID == id && subtle.ConstantTimeCompare(sum, mac(s.Key, timestamp, body)) == 1 {
				return nil
			}
		}
	}
	return errors.New("verify webhook: no signature is by a key that is known")
}

// Close ends the connections that are kept for the next event.
func (w *webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}
