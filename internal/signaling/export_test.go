package signaling

import (
	"testing"

	"golang.org/x/time/rate"

	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

// Answer handles a message of a participant's socket, and returns what it is answered.
func (s *Server) Answer(a *stage.Socket, data []byte) (answers []stage.Message) {
	k := newSocket(s, rate.NewLimiter(rate.Inf, 1))
	defer k.cancel()
	m, _ := wire.Decode(data)
	k.handle(a, m, k.reply)
	k.running.Wait()
	return k.queue
}

// Routes lists method and path of all routes.
func Routes() (all [][2]string) {
	for _, r := range routes {
		if r.connect != nil { // for connection tokens: TestConnection_RefusesBadTokens
			continue
		}
		all = append(all, [2]string{r.method, r.path})
	}
	return all
}

func TestRoutes_AllAuthorize(t *testing.T) {
	for _, r := range routes {
		if r.token == nil || r.connect == nil && (r.authorize == nil || r.serve == nil) {
			t.Errorf("%s %s does not authorize", r.method, r.path)
		}
	}
}
