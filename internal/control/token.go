package control

import (
	"context"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/token"
	"rostrum/ivsrealtime"
)

// CreateParticipantToken issues a token for one participant of a stage. Tokens
// are not stored: the signature makes them valid.
func (p *Plane) CreateParticipantToken(ctx context.Context, c Caller, in *ivsrealtime.CreateParticipantTokenInput) (*ivsrealtime.CreateParticipantTokenOutput, error) {
	if _, err := p.GetStage(ctx, c, &ivsrealtime.GetStageInput{ARN: in.StageARN}); err != nil {
		return nil, err
	}
	t, err := p.issue(in.StageARN, ivsrealtime.ParticipantTokenConfiguration{
		Duration: in.Duration, UserID: in.UserID, Attributes: in.Attributes, Capabilities: in.Capabilities,
	})
	if err != nil {
		return nil, err
	}
	return &ivsrealtime.CreateParticipantTokenOutput{ParticipantToken: t}, nil
}

// defaultTokenMinutes is the default of duration (API CreateParticipantToken).
const defaultTokenMinutes = 720

// issue makes a token, and the API's description of it.
func (p *Plane) issue(stageARN string, want ivsrealtime.ParticipantTokenConfiguration) (*ivsrealtime.ParticipantToken, error) {
	stage, err := arn.Parse(stageARN)
	if err != nil {
		return nil, err
	}
	t := &ivsrealtime.ParticipantToken{
		ParticipantID: arn.NewID(), UserID: want.UserID, Attributes: want.Attributes,
		Duration: *or(want.Duration, defaultTokenMinutes), Capabilities: want.Capabilities,
	}
	if want.Capabilities == nil {
		t.Capabilities = []ivsrealtime.Capability{ivsrealtime.CapabilityPublish, ivsrealtime.CapabilitySubscribe}
	}
	now := time.Now().UTC().Truncate(time.Second)
	t.ExpirationTime = now.Add(time.Duration(t.Duration) * time.Minute)
	claims := token.Claims{
		ParticipantID: t.ParticipantID, StageARN: stageARN, StageID: stage.ID,
		UserID: t.UserID, Attributes: t.Attributes, IssuedAt: now, ExpiresAt: t.ExpirationTime,
	}
	for _, capability := range t.Capabilities {
		claims.Publish = claims.Publish || capability == ivsrealtime.CapabilityPublish
		claims.Subscribe = claims.Subscribe || capability == ivsrealtime.CapabilitySubscribe
	}
	t.Token, err = p.authority.Issue(claims)
	return t, err
}
