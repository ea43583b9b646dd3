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

// sign signs h with Signature Version 4, with the server's time if it is known.
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

// skewThreshold is the clock skew from which it counts as the cause of a refused
// signature; services accept five minutes.
const skewThreshold = 4 * time.Minute

// mayBeSkew has the errors for signatures with a wrong time. They have other causes,
// too, so that the clocks are compared.
var mayBeSkew = map[Code]bool{
	InvalidSignature:        true,
	AccessDenied:            true,
	"SignatureDoesNotMatch": true,
	"AuthFailure":           true,
	"RequestTimeTooSkewed":  true,
	"RequestExpired":        true,
	"RequestInTheFuture":    true,
}

// correctClock measures the skew of the clocks if that is why the server refused a
// signature, made with the skew used. It is for all later calls.
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
	c.shared.skew.Store(int64(ahead))
	return true
}
