package seed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"rostrum/internal/peer"
	"rostrum/internal/testpattern"
	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

const (
	publisherTokenMinutes = 20160     // fourteen days, the most there is
	patternBitrate        = 1_700_000 // as of rostrum publish
	rejoinTimeout         = time.Minute
)

// Publishers are the test publishers of a file.
type Publishers struct {
	all []publisher
}

type publisher struct {
	path   string
	token  realtime.Token
	source peer.Source
}

// Publishers makes the tokens of the file's test publishers. Result is what Apply returned.
func (f *File) Publishers(ctx context.Context, client *ivsrealtime.Client, result *Result) (*Publishers, error) {
	p := &Publishers{}
	for i, s := range f.Stages {
		for j, t := range s.TestPublishers {
			path := fmt.Sprintf("stages[%d] (%s): testPublishers[%d] (%s)", i, s.Name, j, t.Name)
			made, err := t.prepare(ctx, client, result.Stages[s.Name].ARN)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			made.path = path
			p.all = append(p.all, made)
		}
	}
	return p, nil
}

// CountPublishers is the number of the file's test publishers.
func (f *File) CountPublishers() (n int) {
	for _, s := range f.Stages {
		n += len(s.TestPublishers)
	}
	return n
}

// prepare makes the test pattern and the token of a publisher.
func (t *TestPublisher) prepare(ctx context.Context, client *ivsrealtime.Client, stage string) (p publisher, err error) {
	p.source, err = peer.NewPatternSource(peer.PatternConfig{
		Simulcast: t.Simulcast, NoAudio: t.NoAudio, NoVideo: t.NoVideo,
		Video: testpattern.VideoConfig{Width: t.Width, Height: t.Height, Bitrate: patternBitrate, Identity: testpattern.IdentityOf(t.Name), Name: t.Name},
	})
	if err != nil {
		return p, err
	}
	attributes := map[string]string{"name": t.Name}
	for key, value := range t.Attributes {
		attributes[key] = value
	}
	made, err := newToken(ctx, client, stage, ivsrealtime.ParticipantTokenConfiguration{
		UserID: strings.ToLower(t.Name), Attributes: attributes, Duration: new(publisherTokenMinutes),
		Capabilities: []ivsrealtime.Capability{ivsrealtime.CapabilityPublish},
	})
	if err == nil {
		p.token, err = realtime.ReadToken(made.Token)
	}
	return p, err
}

// Run publishes until ctx ends or no publisher is left. Report is called, by one publisher at a
// time, with the error of a publisher that ended before ctx, as when its stage was deleted.
func (p *Publishers) Run(ctx context.Context, report func(error)) {
	var running sync.WaitGroup
	var reporting sync.Mutex
	for _, one := range p.all {
		running.Go(func() {
			err := peer.RunPublisher(ctx, peer.PublisherConfig{
				Token: one.token, Source: one.source, ParticipantID: one.token.ParticipantID, Rejoin: rejoinTimeout,
			}, func(peer.PublishReport) {})
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				err = errors.New("it has ended")
			}
			reporting.Lock()
			defer reporting.Unlock()
			report(fmt.Errorf("%s: %w", one.path, err))
		})
	}
	running.Wait()
}
