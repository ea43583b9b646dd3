package api

import (
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"net/netip"
	"reflect"
	"sync"

	"rostrum/internal/inbound"
	"rostrum/ivsrealtime"
)

// Bounds of a request's body, which is read before its signature can be verified.
const (
	// maxSmallBody is for inputs of single values, a few ARNs and names.
	maxSmallBody = 16 << 10
	// maxLargeBody is for inputs with maps and lists: 50 tags, or the attributes of
	// twelve tokens, with each character escaped, and as much again.
	maxLargeBody = 512 << 10

	// maxBodyBytes bounds the bodies of all requests under way, and
	// maxNetworkBytes those of one network.
	maxBodyBytes    = 4 << 20
	maxNetworkBytes = 2 << 20

	// A body's first buffer has as many bytes as were announced, within these bounds.
	minBodyBytes   = 256
	firstBodyBytes = 4 << 10
)

// maxBodyOf is the bound of an operation's input.
func maxBodyOf(in reflect.Type) int {
	for i := range in.NumField() {
		switch in.Field(i).Type.Kind() {
		case reflect.Map, reflect.Slice:
			return maxLargeBody
		}
	}
	return maxSmallBody
}

// A bodyBudget bounds the memory of bodies.
type bodyBudget struct {
	mu       sync.Mutex // guards what follows
	taken    int
	networks map[netip.Prefix]int
}

// A body is the body of a request, with the memory that it took from the budget.
type body struct {
	budget  *bodyBudget
	network netip.Prefix
	shared  bool // the network is a proxy on this machine, with many clients
	bytes   []byte
	first   int // bytes of the first buffer
	taken   int
}

// read reads the whole body of a request, which its signature covers. Memory is
// taken for bytes that arrive, not for the announced length.
func (b *bodyBudget) read(r *http.Request, max int) (*body, error) {
	if r.ContentLength > int64(max) {
		return nil, tooLarge(max)
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return nil, ivsrealtime.Errorf(ivsrealtime.MalformedRequest, "the Content-Encoding %q is not supported, send the body without", shorten(enc))
	}
	read := &body{budget: b, first: firstBuffer(r.ContentLength)}
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		read.network, read.shared = inbound.Network(from.Addr()), from.Addr().IsLoopback()
	}
	if r.ContentLength == 0 {
		return read, nil
	}
	if err := read.fill(r.Body, max); err != nil {
		read.free()
		return nil, err
	}
	return read, nil
}

// firstBuffer returns the size of the first buffer of a body of a length, which is
// negative if it is unknown.
func firstBuffer(length int64) int {
	if length < 0 {
		return firstBodyBytes
	}
	return min(max(minBodyBytes, 1<<bits.Len64(uint64(length))), firstBodyBytes)
}

func (b *body) fill(from io.Reader, max int) error {
	for {
		if len(b.bytes) == max {
			return expectEnd(from, max)
		}
		if len(b.bytes) == cap(b.bytes) {
			if err := b.grow(max); err != nil {
				return err
			}
		}
		n, err := from.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return aborted(err)
		}
	}
}

// expectEnd finds out whether a body that has all the bytes it may ends there.
func expectEnd(from io.Reader, max int) error {
	switch n, err := io.ReadFull(from, make([]byte, 1)); {
	case n > 0:
		return tooLarge(max)
	case err != io.EOF:
		return aborted(err)
	}
	return nil
}

func aborted(err error) error {
	return &ivsrealtime.Error{Code: ivsrealtime.RequestAborted, Message: "the request ended before its body did", Cause: err}
}

// bodyBuffers are used again by size, 256 << index: many bodies in a row would leave
// more garbage than the budget allows.
var bodyBuffers [12]sync.Pool

func bodyClass(size int) int { return bits.Len(uint(size)/minBodyBytes) - 1 }

// grow doubles the buffer. All sizes are powers of two.
func (b *body) grow(max int) error {
	size := min(2*cap(b.bytes), max)
	if size == 0 {
		size = min(b.first, max)
	}
	if !b.budget.take(b, size-b.taken) {
		return ivsrealtime.Errorf(ivsrealtime.Throttling, "Rate exceeded: the bodies of all requests under way have too many bytes")
	}
	larger, ok := bodyBuffers[bodyClass(size)].Get().([]byte)
	if !ok {
		larger = make([]byte, 0, size)
	}
	larger = larger[:copy(larger[:size], b.bytes)]
	b.recycle()
	b.bytes = larger
	return nil
}

// recycle lets another body use the buffer.
func (b *body) recycle() {
	if size := cap(b.bytes); size > 0 {
		//lint:ignore SA6002 the slice header is small beside the buffer
		bodyBuffers[bodyClass(size)].Put(b.bytes[:0])
	}
}

func (b *bodyBudget) take(of *body, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken+n > maxBodyBytes || !of.shared && b.networks[of.network]+n > maxNetworkBytes {
		return false
	}
	if b.networks == nil {
		b.networks = map[netip.Prefix]int{}
	}
	b.taken += n
	b.networks[of.network] += n
	of.taken += n
	return true
}

// free returns the body's memory to the budget. The body must not be used after.
func (b *body) free() {
	if b.taken == 0 {
		return
	}
	b.budget.mu.Lock()
	defer b.budget.mu.Unlock()
	b.budget.taken -= b.taken
	if b.budget.networks[b.network] -= b.taken; b.budget.networks[b.network] == 0 {
		delete(b.budget.networks, b.network)
	}
	b.recycle()
	b.bytes, b.taken = nil, 0
}

func tooLarge(max int) error {
	return ivsrealtime.Errorf(ivsrealtime.RequestTooLarge, "%s", fmt.Sprintf("the body has more than %d bytes", max))
}
