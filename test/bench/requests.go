package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
)

func client(ctx context.Context, url string) (*ivsrealtime.Client, error) {
	return ivsrealtime.NewClientBuilder().Region(region).EndpointOverride(url).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")).Build(ctx)
}

// requests are one request, sent again and again over connections that stay open.
// It is signed once, within whose lifetime the server believes it, so that what
// is measured is the server: a client of its own machine takes its cores.
type requests struct {
	url, path, body string
	connections     int
	length          time.Duration
}

type samples []time.Duration

// quantile sorts.
func (s samples) quantile(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	slices.Sort(s)
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

type result struct {
	samples
	took time.Duration
}

func (r result) rate() int { return int(float64(len(r.samples)) / r.took.Seconds()) }

// run sends for the load's length. With a rate, requests are due at even
// distances and their time counts from when they were due, so that a server
// that stalls is charged for those it made wait; without, each connection sends
// as soon as it has an answer.
func (l *requests) run(ctx context.Context, rate int) (result, error) {
	request, err := l.signed(ctx)
	if err != nil {
		return result{}, err
	}
	var mu sync.Mutex // guards what follows
	var all result
	var failed error
	var running sync.WaitGroup
	began := time.Now()
	for i := range l.connections {
		running.Go(func() {
			var due func(n int) time.Time
			if rate > 0 {
				gap := time.Second * time.Duration(l.connections) / time.Duration(rate)
				first := began.Add(gap * time.Duration(i) / time.Duration(l.connections))
				due = func(n int) time.Time { return first.Add(gap * time.Duration(n)) }
			}
			some, err := l.send(request, began.Add(l.length), due)
			mu.Lock()
			defer mu.Unlock()
			all.samples = append(all.samples, some...)
			failed = errors.Join(failed, err)
		})
	}
	running.Wait()
	all.took = time.Since(began)
	return all, failed
}

func (l *requests) signed(ctx context.Context) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+l.path, strings.NewReader(l.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256([]byte(l.body))
	if err := v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, r, hex.EncodeToString(sum[:]), "ivs", region, time.Now()); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = r.Write(&b)
	return b.Bytes(), err
}

// send is one connection.
func (l *requests) send(request []byte, end time.Time, due func(int) time.Time) (samples, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(l.url, "http://"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var took samples
	answers := bufio.NewReader(conn)
	for n := 0; ; n++ {
		at := time.Now()
		if due != nil {
			at = due(n)
			time.Sleep(time.Until(at))
		}
		if at.After(end) {
			return took, nil
		}
		if _, err := conn.Write(request); err != nil {
			return took, err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return took, err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return took, err
		}
		if answer.StatusCode != http.StatusOK {
			return took, fmt.Errorf("%s: %s: %s", l.path, answer.Status, body)
		}
		took = append(took, time.Since(at))
	}
}
