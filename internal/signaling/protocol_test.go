package signaling_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/pion/rtp"
)

// TestProtocol_ShowsAClientThatWorks: docs/protocol.md has the client of
// protocol_client_test.go, which receives a publisher.
func TestProtocol_ShowsAClientThatWorks(t *testing.T) {
	source, err := os.ReadFile("protocol_client_test.go")
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, client, _ := strings.Cut(string(source), "// watch receives")
	if !strings.Contains(string(document), "// watch receives"+client) {
		t.Error("docs/protocol.md does not have the client of protocol_client_test.go")
	}

	c := newFixture(t, fast)
	c.publish(c.token("alice"), false)
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	packets := make(chan *rtp.Packet, 1)
	var watching sync.WaitGroup
	watching.Go(func() {
		err := watch(ctx, c.token("bob", viewer).Raw, func(p *rtp.Packet) {
			select {
			case packets <- p:
			default:
			}
		})
		if ctx.Err() == nil {
			t.Errorf("the client ends with %v", err)
		}
	})
	select {
	case <-packets:
	case <-c.ctx.Done():
		t.Error("the client receives nothing")
	}
	cancel()
	watching.Wait()
}
