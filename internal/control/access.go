package control

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"rostrum/internal/arn"
	"rostrum/internal/ivs"
	"rostrum/internal/policy"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A demand is what an operation asks of a caller's policies: the resources it
// touches and the tags it would give or take.
type demand struct {
	resources []string // an ARN each; of things that don't exist yet, with * for the id
	creates   bool     // with tags it needs ivs:TagResource too
	tags      map[string]string
	tagKeys   []string
}

// demands is the service authorization reference of the `ivs` prefix: which
// action checks which resource and which condition keys.
var demands = map[string]func(c Caller, in any) demand{
	"CreateStage":                making(arn.Stage, func(in *ivsrealtime.CreateStageInput) map[string]string { return in.Tags }),
	"CreateEncoderConfiguration": making(arn.EncoderConfiguration, func(in *ivsrealtime.CreateEncoderConfigurationInput) map[string]string { return in.Tags }),
	"CreateStorageConfiguration": making(arn.StorageConfiguration, func(in *ivsrealtime.CreateStorageConfigurationInput) map[string]string { return in.Tags }),
	"CreateIngestConfiguration":  making(arn.IngestConfiguration, func(in *ivsrealtime.CreateIngestConfigurationInput) map[string]string { return in.Tags }),
	"ImportPublicKey":            making(arn.PublicKey, func(in *ivsrealtime.ImportPublicKeyInput) map[string]string { return in.Tags }),
	"StartComposition":           startComposition,

	"CreateChannel":   making(arn.Channel, func(in *ivs.CreateChannelInput) map[string]string { return in.Tags }),
	"CreateStreamKey": making(arn.StreamKey, func(in *ivs.CreateStreamKeyInput) map[string]string { return in.Tags }),

	"CreateParticipantToken": on(func(in *ivsrealtime.CreateParticipantTokenInput) string { return in.StageARN }),
	"DisconnectParticipant":  on(func(in *ivsrealtime.DisconnectParticipantInput) string { return in.StageARN }),
	"GetStage":               on(func(in *ivsrealtime.GetStageInput) string { return in.ARN }),
	"UpdateStage":            on(func(in *ivsrealtime.UpdateStageInput) string { return in.ARN }),
	"DeleteStage":            on(func(in *ivsrealtime.DeleteStageInput) string { return in.ARN }),
	"GetStageSession":        on(func(in *ivsrealtime.GetStageSessionInput) string { return in.StageARN }),
	"ListStageSessions":      on(func(in *ivsrealtime.ListStageSessionsInput) string { return in.StageARN }),
	"GetParticipant":         on(func(in *ivsrealtime.GetParticipantInput) string { return in.StageARN }),
	"ListParticipants":       on(func(in *ivsrealtime.ListParticipantsInput) string { return in.StageARN }),
	"ListParticipantEvents":  on(func(in *ivsrealtime.ListParticipantEventsInput) string { return in.StageARN }),
	"ListParticipantReplicas": on(func(in *ivsrealtime.ListParticipantReplicasInput) string {
		return in.SourceStageARN
	}),
	"StartParticipantReplication": onBoth(func(in *ivsrealtime.StartParticipantReplicationInput) (string, string) {
		return in.SourceStageARN, in.DestinationStageARN
	}),
	"StopParticipantReplication": onBoth(func(in *ivsrealtime.StopParticipantReplicationInput) (string, string) {
		return in.SourceStageARN, in.DestinationStageARN
	}),

	"GetComposition":  on(func(in *ivsrealtime.GetCompositionInput) string { return in.ARN }),
	"StopComposition": on(func(in *ivsrealtime.StopCompositionInput) string { return in.ARN }),
	"ListCompositions": onBoth(func(in *ivsrealtime.ListCompositionsInput) (string, string) {
		return in.FilterByStageARN, in.FilterByEncoderConfigurationARN
	}),

	"GetEncoderConfiguration":    on(func(in *ivsrealtime.GetEncoderConfigurationInput) string { return in.ARN }),
	"DeleteEncoderConfiguration": on(func(in *ivsrealtime.DeleteEncoderConfigurationInput) string { return in.ARN }),
	"GetStorageConfiguration":    on(func(in *ivsrealtime.GetStorageConfigurationInput) string { return in.ARN }),
	"DeleteStorageConfiguration": on(func(in *ivsrealtime.DeleteStorageConfigurationInput) string { return in.ARN }),
	"GetIngestConfiguration":     on(func(in *ivsrealtime.GetIngestConfigurationInput) string { return in.ARN }),
	"UpdateIngestConfiguration":  on(func(in *ivsrealtime.UpdateIngestConfigurationInput) string { return in.ARN }),
	"DeleteIngestConfiguration":  on(func(in *ivsrealtime.DeleteIngestConfigurationInput) string { return in.ARN }),
	"GetPublicKey":               on(func(in *ivsrealtime.GetPublicKeyInput) string { return in.ARN }),
	"DeletePublicKey":            on(func(in *ivsrealtime.DeletePublicKeyInput) string { return in.ARN }),

	"ListStages":                anywhere(arn.Stage),
	"ListEncoderConfigurations": anywhere(""),
	"ListStorageConfigurations": anywhere(""),
	"ListIngestConfigurations":  anywhere(""),
	"ListPublicKeys":            anywhere(""),

	"GetChannel":        on(func(in *ivs.GetChannelInput) string { return in.ARN }),
	"UpdateChannel":     on(func(in *ivs.UpdateChannelInput) string { return in.ARN }),
	"DeleteChannel":     on(func(in *ivs.DeleteChannelInput) string { return in.ARN }),
	"GetStreamKey":      on(func(in *ivs.GetStreamKeyInput) string { return in.ARN }),
	"DeleteStreamKey":   on(func(in *ivs.DeleteStreamKeyInput) string { return in.ARN }),
	"GetStream":         on(func(in *ivs.GetStreamInput) string { return in.ChannelARN }),
	"StopStream":        on(func(in *ivs.StopStreamInput) string { return in.ChannelARN }),
	"ListStreamKeys":    on(func(in *ivs.ListStreamKeysInput) string { return in.ChannelARN }),
	"ListChannels":      anywhere(arn.Channel),
	"ListStreams":       anywhere(arn.Channel),
	"BatchGetChannel":   func(_ Caller, in any) demand { return demand{resources: in.(*ivs.BatchGetChannelInput).ARNs} },
	"BatchGetStreamKey": func(_ Caller, in any) demand { return demand{resources: in.(*ivs.BatchGetStreamKeyInput).ARNs} },

	readEvents: func(c Caller, in any) demand {
		stage := in.(string)
		if stage == "" {
			stage = every(arn.Stage, c)
		}
		return demand{resources: []string{stage}}
	},

	"ListTagsForResource": on(func(in *ivsrealtime.ListTagsForResourceInput) string { return in.ResourceARN }),
	"TagResource": func(_ Caller, in any) demand {
		i := in.(*ivsrealtime.TagResourceInput)
		return demand{resources: []string{i.ResourceARN}, tags: i.Tags}
	},
	"UntagResource": func(_ Caller, in any) demand {
		i := in.(*ivsrealtime.UntagResourceInput)
		return demand{resources: []string{i.ResourceARN}, tagKeys: i.TagKeys}
	},
}

func making[In any](t arn.Type, tags func(*In) map[string]string) func(Caller, any) demand {
	return func(c Caller, in any) demand {
		return demand{resources: []string{every(t, c)}, creates: true, tags: tags(in.(*In))}
	}
}

func on[In any](resource func(*In) string) func(Caller, any) demand {
	return func(_ Caller, in any) demand { return demand{resources: []string{resource(in.(*In))}} }
}

// onBoth is for two resources of which either may be absent.
func onBoth[In any](resources func(*In) (string, string)) func(Caller, any) demand {
	return func(_ Caller, in any) demand {
		a, b := resources(in.(*In))
		d := demand{resources: slices.DeleteFunc([]string{a, b}, func(s string) bool { return s == "" })}
		if len(d.resources) == 0 {
			d.resources = []string{"*"}
		}
		return d
	}
}

// anywhere is for lists: every resource of a type, or no resource in particular.
func anywhere(t arn.Type) func(Caller, any) demand {
	return func(c Caller, _ any) demand {
		if t == "" {
			return demand{resources: []string{"*"}}
		}
		return demand{resources: []string{every(t, c)}}
	}
}

func every(t arn.Type, c Caller) string {
	return arn.ARN{Region: c.Region, Account: c.Account, Type: t, ID: "*"}.String()
}

func startComposition(c Caller, in any) demand {
	i := in.(*ivsrealtime.StartCompositionInput)
	d := demand{resources: []string{every(arn.Composition, c), i.StageARN}, creates: true, tags: i.Tags}
	for _, dest := range i.Destinations {
		if ch := dest.Channel; ch != nil {
			d.resources = append(d.resources, ch.ChannelARN)
			if ch.EncoderConfigurationARN != "" {
				d.resources = append(d.resources, ch.EncoderConfigurationARN)
			}
		}
		if s3 := dest.S3; s3 != nil {
			d.resources = append(append(d.resources, s3.StorageConfigurationARN), s3.EncoderConfigurationARNs...)
		}
	}
	return d
}

// Authorize answers whether the caller may do this, here: its policies are
// asked, and nobody reaches a resource of another account, or of another
// region than the one the request was signed for, whatever they say.
func (p *Plane) Authorize(ctx context.Context, c Caller, operation string, in any) error {
	describe, ok := demands[operation]
	if !ok {
		return ivsrealtime.Errorf(ivsrealtime.AccessDenied, "nobody is authorized to perform: %s", qualified(operation))
	}
	d := describe(c, in)
	for _, resource := range d.resources {
		err := here(c, operation, resource)
		if err != nil && !(emptyWhenUnknown[operation] && errors.Is(err, ivsrealtime.ResourceNotFound)) {
			return err
		}
	}
	if c.Policies == nil {
		return nil
	}
	actions := []string{operation}
	if d.creates && len(d.tags) > 0 {
		actions = append(actions, "TagResource")
	}
	return p.store.Read(ctx, func(tx *store.Tx) error {
		for i, resource := range d.resources {
			tags, err := tx.Tags(resource)
			if err != nil && !errors.Is(err, ivsrealtime.ResourceNotFound) {
				return err // a Deny may ask for the tags
			}
			for j, action := range actions {
				if i > 0 && j > 0 {
					continue // only what is created gets the tags
				}
				if err := c.may(action, resource, d, tags); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// emptyWhenUnknown are the lists that have no ResourceNotFoundException: what
// is listed of a resource that isn't there is nothing.
var emptyWhenUnknown = func() map[string]bool {
	lists := map[string]bool{}
	for _, s := range append(ivsrealtime.Specs(), ivs.Specs()...) {
		lists[s.Name] = s.Read && !slices.Contains(s.Errors, ivsrealtime.ResourceNotFound)
	}
	return lists
}()

// here holds a resource against the world the request lives in.
func here(c Caller, operation, resource string) error {
	if resource == "*" {
		return nil
	}
	a, err := arn.Parse(resource)
	if err != nil {
		return nil // one with * for its id is the caller's own; a wrong one finds nothing
	}
	if a.Account != c.Account {
		return denied(c, operation, resource, "no resource-based policy allows it")
	}
	if a.Region != c.Region {
		return notFound(resource)
	}
	return nil
}

func notFound(resource string) error {
	return ivsrealtime.Errorf(ivsrealtime.ResourceNotFound, "Resource: %s not found", resource)
}

// named turns the absence of what a member of the input names into a
// ValidationException, for operations that have no ResourceNotFoundException.
func named(member string, err error) error {
	var e *ivsrealtime.Error
	if !errors.As(err, &e) || e.Code != ivsrealtime.ResourceNotFound {
		return err
	}
	return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%s names what is not there: %s", member, e.Message)
}

func denied(c Caller, action, resource, because string) error {
	return ivsrealtime.Errorf(ivsrealtime.AccessDenied,
		"User: arn:aws:iam::%s:user/%s is not authorized to perform: %s on resource: %s because %s", c.Account, c.UserName, qualified(action), resource, because)
}

// qualified is an action as policies name it: with the prefix of the service,
// unless it is one of Rostrum's own.
func qualified(action string) string {
	if strings.Contains(action, ":") {
		return action
	}
	return "ivs:" + action
}

// may asks the caller's policies one question.
func (c Caller) may(action, resource string, d demand, resourceTags map[string]string) error {
	decision := policy.Evaluate(policy.Request{Action: qualified(action), Resource: resource, Context: c.context(d, resourceTags)}, c.Policies...)
	switch decision.Outcome {
	case policy.Allowed:
		return nil
	case policy.ExplicitDeny:
		return denied(c, action, resource, "an identity-based policy explicitly denies it")
	default:
		return denied(c, action, resource, fmt.Sprintf("no identity-based policy allows the %s action", qualified(action)))
	}
}

// context gathers the condition keys of a request (IAM, global condition keys).
func (c Caller) context(d demand, resourceTags map[string]string) *policy.Context {
	now := time.Now().UTC()
	ctx := new(policy.Context)
	set := ctx.Add
	set("aws:username", c.UserName)
	set("aws:userid", c.AccessKeyID)
	set("aws:PrincipalAccount", c.Account)
	set("aws:RequestedRegion", c.Region)
	set("aws:CurrentTime", now.Format(time.RFC3339))
	set("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	set("aws:SecureTransport", strconv.FormatBool(c.Secure))
	if _, err := netip.ParseAddr(c.Address); err == nil {
		set("aws:SourceIp", c.Address)
	}
	for k, v := range c.Tags {
		set("aws:PrincipalTag/"+k, v)
	}
	for k, v := range resourceTags {
		set("aws:ResourceTag/"+k, v)
	}
	keys := slices.Clone(d.tagKeys)
	for k, v := range d.tags {
		set("aws:RequestTag/"+k, v)
		keys = append(keys, k)
	}
	if len(keys) > 0 {
		set("aws:TagKeys", keys...)
	}
	return ctx
}
