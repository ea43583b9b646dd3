package loadtest

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rostrum/ivsrealtime"
	"rostrum/realtime"
)

// A Stage is one that was created for a measurement, with the tokens of its participants.
type Stage struct {
	client     *ivsrealtime.Client
	arn        string
	publishers []realtime.Token
	viewers    []realtime.Token
}

// Access is the endpoint of a server's API and credentials, in the names of the output of
// rostrum serve.
type Access struct {
	Endpoint  string `json:"endpoint"`
	Region    string `json:"region"`
	AccessKey string `json:"accessKeyId"`
	SecretKey string `json:"secretAccessKey"`
}

// CreateStage creates a stage with tokens for publishers. AddViewers adds those of viewers.
func CreateStage(ctx context.Context, a Access, publishers int) (*Stage, error) {
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

// Ingest makes the stage's encoders an ingest configuration each, and returns where they send
// to. url is of the server's RTMP, without the stream key. Their participants can be
// subscribed to after those of publishers.
func (s *Stage) Ingest(ctx context.Context, url string, n int) (urls []string, err error) {
	for range n {
		made, err := s.client.CreateIngestConfiguration(ctx, &ivsrealtime.CreateIngestConfigurationInput{StageARN: s.arn, IngestProtocol: ivsrealtime.IngestRTMP, InsecureIngest: true})
		if err != nil {
			return nil, err
		}
		urls = append(urls, url+made.IngestConfiguration.StreamKey)
		var t realtime.Token
		t.ParticipantID = made.IngestConfiguration.ParticipantID
		s.publishers = append(s.publishers, t)
	}
	return urls, nil
}

// Record has the stage record its participants into a bucket, with segments of some seconds.
func (s *Stage) Record(ctx context.Context, bucket string, segmentSeconds int) error {
	storage, err := s.client.CreateStorageConfiguration(ctx, &ivsrealtime.CreateStorageConfigurationInput{S3: &ivsrealtime.S3StorageConfiguration{BucketName: bucket}})
	if err != nil {
		return err
	}
	_, err = s.client.UpdateStage(ctx, &ivsrealtime.UpdateStageInput{ARN: s.arn, AutoParticipantRecordingConfiguration: &ivsrealtime.AutoParticipantRecordingConfiguration{
		StorageConfigurationARN: &storage.StorageConfiguration.ARN,
		HLSConfiguration:        &ivsrealtime.ParticipantRecordingHLSConfiguration{TargetSegmentDurationSeconds: &segmentSeconds},
	}})
	return err
}

// AddViewers creates the tokens of n more viewers.
func (s *Stage) AddViewers(ctx context.Context, n int) error {
	more, err := s.tokens(ctx, n, ivsrealtime.CapabilitySubscribe)
	s.viewers = append(s.viewers, more...)
	return err
}

// Viewers and Publishers return the tokens.
func (s *Stage) Viewers() []realtime.Token    { return s.viewers }
func (s *Stage) Publishers() []realtime.Token { return s.publishers }

// SetEndpoints sets the endpoints of a plan. A viewer must have a token before it joins.
func (s *Stage) SetEndpoints(p *Plan) {
	p.Publish = nil
	for _, t := range s.publishers {
		p.Publish = append(p.Publish, realtime.Endpoint{URL: t.WHIPURL, Bearer: t.Raw})
	}
	p.Subscribe = func(viewer, publisher int) realtime.Endpoint {
		t := s.viewers[viewer]
		return realtime.Endpoint{URL: t.WHIPURL + "/subscribe/" + s.publishers[publisher].ParticipantID, Bearer: t.Raw}
	}
}

func (s *Stage) tokens(ctx context.Context, n int, may ivsrealtime.Capability) ([]realtime.Token, error) {
	all, errs := make([]realtime.Token, n), make([]error, n)
	slots := make(chan struct{}, maxJoining)
	var making sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		making.Go(func() {
			all[i], errs[i] = s.token(ctx, may)
			<-slots
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

func (s *Stage) token(ctx context.Context, may ivsrealtime.Capability) (realtime.Token, error) {
	made, err := s.client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{
		StageARN: s.arn, Capabilities: []ivsrealtime.Capability{may},
	})
	if err != nil {
		return realtime.Token{}, fmt.Errorf("create a token: %w", err)
	}
	return realtime.ReadToken(made.ParticipantToken.Token)
}
