package server

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/seed"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// applySeed makes what the file of the setting says, before the server is ready, and returns
// the publishers that it names.
func applySeed(ctx context.Context, b *base, l *listeners, clients http.Handler, operator store.AccessKey) (*seed.Result, *seed.Publishers, error) {
	if b.settings.Seed == "" {
		return nil, nil, nil
	}
	file, err := seed.ReadFile(b.settings.Seed, nil)
	if err != nil {
		return nil, nil, err
	}
	client, err := ivsrealtime.NewClientBuilder().Region(string(b.settings.Region)).EndpointOverride(l.endpoint).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(operator.ID, operator.Secret, "")).
		HTTPClient(inProcess{clients}).Build(ctx)
	if err != nil {
		return nil, nil, err
	}
	result, err := seed.Apply(ctx, client, file)
	if err != nil {
		return nil, nil, err
	}
	publishers, err := file.Publishers(ctx, client, result)
	return result, publishers, err
}

// runPublishers runs the publishers of the seed, if there are any, until ctx ends.
func runPublishers(b *base, publishers *seed.Publishers) func(context.Context) error {
	return func(ctx context.Context) error {
		if publishers != nil {
			publishers.Run(ctx, func(err error) { b.log.Warn("a test publisher of the seed has ended", "error", err) })
		}
		<-ctx.Done()
		return nil
	}
}

// An inProcess sends requests to a handler, for what is done before the server listens.
type inProcess struct{ handler http.Handler }

// Do implements aws.HTTPClient.
func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.Host, in.RequestURI, in.RemoteAddr = r.URL.Host, r.URL.RequestURI(), "127.0.0.1:0"
	w := &response{status: http.StatusOK, header: http.Header{}}
	p.handler.ServeHTTP(w, in)
	return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r}, nil
}

// A response keeps what a handler answers.
type response struct {
	status int
	header http.Header
	body   bytes.Buffer
	begun  bool
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if !w.begun {
		w.status, w.begun = status, true
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(b []byte) (int, error) {
	w.begun = true
	return w.body.Write(b)
}
