package signaling_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"rostrum/internal/arn"
	"rostrum/internal/stage"
	"rostrum/internal/wire"
)

// BenchmarkConnection_Stages measures what a socket with one stage costs, and one with
// fifty: time is that of a message to the client, memory that of an idle socket without its
// participants, who are measured apart.
func BenchmarkConnection_Stages(b *testing.B) {
	for _, stages := range []int{1, 50} {
		b.Run(fmt.Sprint(stages), func(b *testing.B) {
			without, _ := usedBySockets(b, stages, func(c *connectionFixture, id string) {
				for _, name := range c.names {
					c.join(id, name)
				}
			})
			with, goroutines := usedBySockets(b, stages, func(c *connectionFixture, id string) {
				client := c.dialRaw(c.connectionToken(c.key, c.kid))
				for i, name := range c.names {
					client.attach(i, c.token(id, on(name)).Raw)
				}
			})
			deliverMessages(b, stages)
			b.ReportMetric(with-without, "B/socket")
			b.ReportMetric(goroutines, "goroutines/socket")
		})
	}
}

// A connectionFixture has stages and a key for connection tokens.
type connectionFixture struct {
	*fixture
	key   *ecdsa.PrivateKey
	kid   string
	names []arn.ARN
}

func newConnectionFixture(b *testing.B, stages int) *connectionFixture {
	c := &connectionFixture{fixture: newFixture(b, stage.Config{})}
	c.ctx = b.Context()
	c.key, c.kid = c.importKey(account)
	for range stages {
		c.names = append(c.names, c.newStage(account))
	}
	return c
}

// usedBySockets returns the memory and the goroutines of each of many participants that
// open joins.
func usedBySockets(b *testing.B, stages int, open func(c *connectionFixture, id string)) (bytes, goroutines float64) {
	const sockets = 40
	c := newConnectionFixture(b, stages)
	open(c, "first") // what all share
	bytesBefore, goroutinesBefore := used()
	for n := range sockets {
		open(c, fmt.Sprint("p", n))
	}
	bytesAfter, goroutinesAfter := used()
	return (float64(bytesAfter) - float64(bytesBefore)) / sockets, float64(goroutinesAfter-goroutinesBefore) / sockets
}

// deliverMessages has participants mute and unmute themselves, each on a stage of a connection.
func deliverMessages(b *testing.B, stages int) {
	c := newConnectionFixture(b, stages)
	client := c.dialRaw(c.connectionToken(c.key, c.kid))
	var others []*stage.Socket
	for i, name := range c.names {
		client.attach(i, c.token("listener", on(name)).Raw)
		others = append(others, c.join("speaker", name))
	}
	muted := false
	b.ResetTimer()
	for n := range b.N {
		at := n % len(others)
		if at == 0 {
			muted = !muted
		}
		others[at].SetMuted(&muted, nil)
		client.until(`"MUTE_CHANGED"`)
	}
	b.StopTimer()
}

// join opens a participant's events socket without a client.
func (c *fixture) join(id string, name arn.ARN) *stage.Socket {
	c.Helper()
	g, err := c.authority.Authorize(c.ctx, c.token(id, on(name)).Raw)
	if err != nil {
		c.Fatal(err)
	}
	s, err := c.registry.OpenSocket(g, stage.SocketConfig{ChangesOnly: true, Deliver: func(stage.Message) {}})
	if err != nil {
		c.Fatal(err)
	}
	return s
}

// used returns the bytes of the heap and the number of goroutines. Stacks are not counted: the
// runtime keeps those of goroutines that have ended.
func used() (bytes uint64, goroutines int) {
	for range 3 { // pools are emptied by the second collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, runtime.NumGoroutine()
}

// A rawClient is a WebSocket client that needs hardly any memory.
type rawClient struct {
	c     *fixture
	conn  net.Conn
	frame *bufio.Reader
}

func (c *fixture) dialRaw(raw string) *rawClient {
	c.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.server.URL, "http://"))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = conn.Close() }) // the server may be closed
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	fmt.Fprintf(conn, "GET /events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(key), raw)
	client := &rawClient{c: c, conn: conn, frame: bufio.NewReaderSize(conn, 16)}
	response, err := http.ReadResponse(client.frame, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		c.Fatalf("the handshake: %v %v", response, err)
	}
	return client
}

// attach attaches a stage and returns when the client has its state.
func (r *rawClient) attach(n int, raw string) {
	r.c.Helper()
	message := wire.WithAttachment(fmt.Sprint("s", n), wire.Encode(0, wire.Attach{Token: raw, ChangesOnly: true}))
	frame := []byte{0x81, 0x80 | 126, byte(len(message) >> 8), byte(len(message)), 0, 0, 0, 0} // with a mask of zeros
	if _, err := r.conn.Write(append(frame, message...)); err != nil {
		r.c.Fatal(err)
	}
	r.until(`"STAGE_STATE"`)
}

// until reads messages up to one that has a text. Pings stay unanswered, which the server bears
// for some seconds.
func (r *rawClient) until(text string) {
	r.c.Helper()
	for {
		var head [4]byte
		r.read(head[:2])
		size := int(head[1])
		if size == 126 {
			r.read(head[2:])
			size = int(head[2])<<8 | int(head[3])
		}
		message := make([]byte, size)
		r.read(message)
		if strings.Contains(string(message), text) {
			return
		}
	}
}

func (r *rawClient) read(into []byte) {
	r.c.Helper()
	for done := 0; done < len(into); {
		n, err := r.frame.Read(into[done:])
		if err != nil {
			r.c.Fatal(err)
		}
		done += n
	}
}
