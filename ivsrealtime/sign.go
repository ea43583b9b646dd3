package ivsrealtime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// signingName is the service's name in a signature's scope (API model, sigv4).
const signingName = "ivs"

// sign signs h with Signature Version 4, by the server's clock as far as it is known.
func (c *Client) sign(ctx context.Context, h *http.Request, hash string, skew time.Duration) error {
	keys, err := c.configuration.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("retrieve credentials: %w", err)
	}
	if err := c.signer.SignHTTP(ctx, keys, h, hash, signingName, c.configuration.region, time.Now().Add(skew)); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	return nil
}

// skewThreshold is how far the clocks must differ before a refused signature is
// put down to it; services accept five minutes.
const skewThreshold = 4 * time.Minute

// mayBeSkew are the errors by which a service refuses a signature made too
// early or too late. None says so for certain, so the clocks must differ too.
var mayBeSkew = map[Code]bool{
	InvalidSignature:        true,
	AccessDenied:            true,
	"SignatureDoesNotMatch": true,
	"AuthFailure":           true,
	"RequestTimeTooSkewed":  true,
	"RequestExpired":        true,
	"RequestInTheFuture":    true,
}

// correctClock learns how far the server's clock is ahead when that is why it
// refused a signature made with the skew used. What it learns serves all calls.
func (c *Client) correctClock(a *answer, err error, used time.Duration) bool {
	var e *Error
	if !errors.As(err, &e) || !mayBeSkew[e.Code] {
		return false
	}
	server, ok := a.serverTime()
	if !ok {
		return false
	}
	ahead := time.Until(server)
	if (ahead - used).Abs() <= skewThreshold {
		return false
	}
	c.skew.Store(int64(ahead))
	return true
}
