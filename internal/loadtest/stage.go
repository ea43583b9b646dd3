package loadtest

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/internal/peer"
	"rostrum/ivsrealtime"
)

// A Stage is one that was made on a Rostrum for a measurement, with everybody's token.
type Stage struct {
	client     *ivsrealtime.Client
	arn        string
	publishers []peer.Token
	viewers    []peer.Token
}

// Access is the endpoint of a server's API and the credentials for it, named as in what
// rostrum serve prints.
type Access struct {
	Endpoint  string `json:"endpoint"`
	Region    string `json:"region"`
	AccessKey string `json:"accessKeyId"`
	SecretKey string `json:"secretAccessKey"`
}

// MakeStage makes a stage with so many publishers. Viewers are admitted later.
func MakeStage(ctx context.Context, a Access, publishers int) (*Stage, error) {
	client, err := ivsrealtime.NewClientBuilder().Region(a.Region).EndpointOverride(a.Endpoint).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(a.AccessKey, a.SecretKey, "")).Build(ctx)
	if err != nil {
		return nil, err
	}
	made, err := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "bench"})
	if err != nil {
		return nil, err
	}
	s := &Stage{client: client, arn: made.Stage.ARN}
	s.publishers, err = s.tokens(ctx, publishers, ivsrealtime.CapabilityPublish)
	return s, err
}

// Admit makes the tokens of n more viewers.
func (s *Stage) Admit(ctx context.Context, n int) error {
	more, err := s.tokens(ctx, n, ivsrealtime.CapabilitySubscribe)
	s.viewers = append(s.viewers, more...)
	return err
}

// Viewers are the tokens of all who were admitted, and Publishers of those who publish.
func (s *Stage) Viewers() []peer.Token    { return s.viewers }
func (s *Stage) Publishers() []peer.Token { return s.publishers }

// Invite puts the stage into a plan. A viewer must be admitted before its turn comes.
func (s *Stage) Invite(p *Plan) {
	p.Publish = nil
	for _, t := range s.publishers {
		p.Publish = append(p.Publish, peer.Endpoint{URL: t.WHIPURL, Bearer: t.Raw})
	}
	p.Subscribe = func(viewer, publisher int) peer.Endpoint {
		t := s.viewers[viewer]
		return peer.Endpoint{URL: t.WHIPURL + "/subscribe/" + s.publishers[publisher].ParticipantID, Bearer: t.Raw}
	}
}

func (s *Stage) tokens(ctx context.Context, n int, may ivsrealtime.Capability) ([]peer.Token, error) {
	all, errs := make([]peer.Token, n), make([]error, n)
	room := make(chan struct{}, atOnce)
	var making sync.WaitGroup
	for i := range n {
		room <- struct{}{}
		making.Go(func() {
			all[i], errs[i] = s.token(ctx, may)
			<-room
		})
	}
	making.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Stage) token(ctx context.Context, may ivsrealtime.Capability) (peer.Token, error) {
	made, err := s.client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{
		StageARN: s.arn, Capabilities: []ivsrealtime.Capability{may},
	})
	if err != nil {
		return peer.Token{}, fmt.Errorf("make a token: %w", err)
	}
	return peer.ReadToken(made.ParticipantToken.Token)
}
