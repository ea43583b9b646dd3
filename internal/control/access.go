package control

import (
	"context"
	"errors"
	"slices"
	"strings"

	"rostrum/internal/arn"
	"rostrum/internal/ivs"
	"rostrum/internal/store"
	"rostrum/ivsrealtime"
)

// A requirement is what a caller's policies must allow for an operation: the
// action on these resources, and the tags that it sets or removes.
type requirement struct {
	resources []string // ARNs; with * as the id of what does not exist yet
	creates   bool     // with tags it also needs ivs:TagResource
	tags      map[string]string
	tagKeys   []string
}

// requirements follows the service authorization reference of the `ivs` prefix:
// the resources and condition keys of each action.
var requirements = map[string]func(c Caller, in any) requirement{
	"CreateStage":                creating(arn.Stage, func(in *ivsrealtime.CreateStageInput) map[string]string { return in.Tags }),
	"CreateEncoderConfiguration": creating(arn.EncoderConfiguration, func(in *ivsrealtime.CreateEncoderConfigurationInput) map[string]string { return in.Tags }),
	"CreateStorageConfiguration": creating(arn.StorageConfiguration, func(in *ivsrealtime.CreateStorageConfigurationInput) map[string]string { return in.Tags }),
	"CreateIngestConfiguration":  creating(arn.IngestConfiguration, func(in *ivsrealtime.CreateIngestConfigurationInput) map[string]string { return in.Tags }),
	"ImportPublicKey":            creating(arn.PublicKey, func(in *ivsrealtime.ImportPublicKeyInput) map[string]string { return in.Tags }),
	"StartComposition":           startComposition,

	"CreateChannel":   creating(arn.Channel, func(in *ivs.CreateChannelInput) map[string]string { return in.Tags }),
	"CreateStreamKey": creating(arn.StreamKey, func(in *ivs.CreateStreamKeyInput) map[string]string { return in.Tags }),

	"CreateParticipantToken": onResource(func(in *ivsrealtime.CreateParticipantTokenInput) string { return in.StageARN }),
	"DisconnectParticipant":  onResource(func(in *ivsrealtime.DisconnectParticipantInput) string { return in.StageARN }),
	"GetStage":               onResource(func(in *ivsrealtime.GetStageInput) string { return in.ARN }),
	"UpdateStage":            onResource(func(in *ivsrealtime.UpdateStageInput) string { return in.ARN }),
	"DeleteStage":            onResource(func(in *ivsrealtime.DeleteStageInput) string { return in.ARN }),
	"GetStageSession":        onResource(func(in *ivsrealtime.GetStageSessionInput) string { return in.StageARN }),
	"ListStageSessions":      onResource(func(in *ivsrealtime.ListStageSessionsInput) string { return in.StageARN }),
	"GetParticipant":         onResource(func(in *ivsrealtime.GetParticipantInput) string { return in.StageARN }),
	"ListParticipants":       onResource(func(in *ivsrealtime.ListParticipantsInput) string { return in.StageARN }),
	"ListParticipantEvents":  onResource(func(in *ivsrealtime.ListParticipantEventsInput) string { return in.StageARN }),
	"ListParticipantReplicas": onResource(func(in *ivsrealtime.ListParticipantReplicasInput) string {
		return in.SourceStageARN
	}),
	"StartParticipantReplication": onResources(func(in *ivsrealtime.StartParticipantReplicationInput) (string, string) {
		return in.SourceStageARN, in.DestinationStageARN
	}),
	"StopParticipantReplication": onResources(func(in *ivsrealtime.StopParticipantReplicationInput) (string, string) {
		return in.SourceStageARN, in.DestinationStageARN
	}),

	"GetComposition":  onResource(func(in *ivsrealtime.GetCompositionInput) string { return in.ARN }),
	"StopComposition": onResource(func(in *ivsrealtime.StopCompositionInput) string { return in.ARN }),
	"ListCompositions": onResources(func(in *ivsrealtime.ListCompositionsInput) (string, string) {
		return in.FilterByStageARN, in.FilterByEncoderConfigurationARN
	}),

	"GetEncoderConfiguration":    onResource(func(in *ivsrealtime.GetEncoderConfigurationInput) string { return in.ARN }),
	"DeleteEncoderConfiguration": onResource(func(in *ivsrealtime.DeleteEncoderConfigurationInput) string { return in.ARN }),
	"GetStorageConfiguration":    onResource(func(in *ivsrealtime.GetStorageConfigurationInput) string { return in.ARN }),
	"DeleteStorageConfiguration": onResource(func(in *ivsrealtime.DeleteStorageConfigurationInput) string { return in.ARN }),
	"GetIngestConfiguration":     onResource(func(in *ivsrealtime.GetIngestConfigurationInput) string { return in.ARN }),
	"UpdateIngestConfiguration":  onResource(func(in *ivsrealtime.UpdateIngestConfigurationInput) string { return in.ARN }),
	"DeleteIngestConfiguration":  onResource(func(in *ivsrealtime.DeleteIngestConfigurationInput) string { return in.ARN }),
	"RevokeConnectionToken":      onAll(""), // no resource
	"GetPublicKey":               onResource(func(in *ivsrealtime.GetPublicKeyInput) string { return in.ARN }),
	"DeletePublicKey":            onResource(func(in *ivsrealtime.DeletePublicKeyInput) string { return in.ARN }),

	"ListStages":                onAll(arn.Stage),
	"ListEncoderConfigurations": onAll(""),
	"ListStorageConfigurations": onAll(""),
	"ListIngestConfigurations":  onAll(""),
	"ListPublicKeys":            onAll(""),

	"GetChannel":      onResource(func(in *ivs.GetChannelInput) string { return in.ARN }),
	"UpdateChannel":   onResource(func(in *ivs.UpdateChannelInput) string { return in.ARN }),
	"DeleteChannel":   onResource(func(in *ivs.DeleteChannelInput) string { return in.ARN }),
	"GetStreamKey":    onResource(func(in *ivs.GetStreamKeyInput) string { return in.ARN }),
	"DeleteStreamKey": onResource(func(in *ivs.DeleteStreamKeyInput) string { return in.ARN }),
	"GetStream":       onResource(func(in *ivs.GetStreamInput) string { return in.ChannelARN }),
	"StopStream":      onResource(func(in *ivs.StopStreamInput) string { return in.ChannelARN }),
	"ListStreamKeys":  onResource(func(in *ivs.ListStreamKeysInput) string { return in.ChannelARN }),
	"ListChannels":    onAll(arn.Channel),
	"ListStreams":     onAll(arn.Channel),
	"BatchGetChannel": func(_ Caller, in any) requirement { return requirement{resources: in.(*ivs.BatchGetChannelInput).ARNs} },
	"BatchGetStreamKey": func(_ Caller, in any) requirement {
		return requirement{resources: in.(*ivs.BatchGetStreamKeyInput).ARNs}
	},

	readQuality: func(_ Caller, in any) requirement { return requirement{resources: []string{in.(string)}} },
	readEvents: func(c Caller, in any) requirement {
		stage := in.(string)
		if stage == "" {
			stage = allOf(arn.Stage, c)
		}
		return requirement{resources: []string{stage}}
	},

	readRecordings: func(_ Caller, in any) requirement { return requirement{resources: []string{in.(string)}} },

	"ListTagsForResource": onResource(func(in *ivsrealtime.ListTagsForResourceInput) string { return in.ResourceARN }),
	"TagResource": func(_ Caller, in any) requirement {
		i := in.(*ivsrealtime.TagResourceInput)
		return requirement{resources: []string{i.ResourceARN}, tags: i.Tags}
	},
	"UntagResource": func(_ Caller, in any) requirement {
		i := in.(*ivsrealtime.UntagResourceInput)
		return requirement{resources: []string{i.ResourceARN}, tagKeys: i.TagKeys}
	},
}

// creating is for operations that create a resource.
func creating[In any](t arn.Type, tags func(*In) map[string]string) func(Caller, any) requirement {
	return func(c Caller, in any) requirement {
		return requirement{resources: []string{allOf(t, c)}, creates: true, tags: tags(in.(*In))}
	}
}

// onResource is for operations on one resource.
func onResource[In any](resource func(*In) string) func(Caller, any) requirement {
	return func(_ Caller, in any) requirement { return requirement{resources: []string{resource(in.(*In))}} }
}

// onResources is for operations on two resources, each of which may be absent.
func onResources[In any](resources func(*In) (string, string)) func(Caller, any) requirement {
	return func(_ Caller, in any) requirement {
		a, b := resources(in.(*In))
		d := requirement{resources: slices.DeleteFunc([]string{a, b}, func(s string) bool { return s == "" })}
		if len(d.resources) == 0 {
			d.resources = []string{"*"}
		}
		return d
	}
}

// onAll is for lists: all resources of a type, or * if the type is empty.
func onAll(t arn.Type) func(Caller, any) requirement {
	return func(c Caller, _ any) requirement {
		if t == "" {
			return requirement{resources: []string{"*"}}
		}
		return requirement{resources: []string{allOf(t, c)}}
	}
}

// allOf is the ARN pattern of all the caller's resources of a type.
func allOf(t arn.Type, c Caller) string {
	return arn.ARN{Region: c.Region, Account: c.Account, Type: t, ID: "*"}.String()
}

func startComposition(c Caller, in any) requirement {
	i := in.(*ivsrealtime.StartCompositionInput)
	d := requirement{resources: []string{allOf(arn.Composition, c), i.StageARN}, creates: true, tags: i.Tags}
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

// Authorize checks that the caller's policies allow an operation. Whatever they
// allow, resources of other accounts, and of other regions than the one that the
// request was signed for, are out of reach.
func (p *Plane) Authorize(ctx context.Context, c Caller, operation string, in any) error {
	describe, ok := requirements[operation]
	if !ok {
		return ivsrealtime.Errorf(ivsrealtime.AccessDenied, "nobody is authorized to perform: %s", qualified(operation))
	}
	d := describe(c, in)
	for _, resource := range d.resources {
		err := checkScope(c, operation, resource)
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
				return err // a Deny may depend on the tags
			}
			for j, action := range actions {
				if i > 0 && j > 0 {
					continue // only the created resource gets the tags
				}
				if err := c.checkPolicies(action, resource, d, tags); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// emptyWhenUnknown has the lists without ResourceNotFoundException: they are
// empty for a resource that does not exist.
var emptyWhenUnknown = func() map[string]bool {
	lists := map[string]bool{}
	for _, s := range append(ivsrealtime.Specs(), ivs.Specs()...) {
		lists[s.Name] = s.Read && !slices.Contains(s.Errors, ivsrealtime.ResourceNotFound)
	}
	return lists
}()

// checkScope checks that a resource is of the caller's account and region.
func checkScope(c Caller, operation, resource string) error {
	if resource == "*" {
		return nil
	}
	a, err := arn.Parse(resource)
	if err != nil {
		return nil // an ARN with * is the caller's own; an invalid one is not found later
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

// asValidationError turns ResourceNotFound for a member of the input into a
// ValidationException, for operations without ResourceNotFoundException.
func asValidationError(member string, err error) error {
	var e *ivsrealtime.Error
	if !errors.As(err, &e) || e.Code != ivsrealtime.ResourceNotFound {
		return err
	}
	return ivsrealtime.Errorf(ivsrealtime.ValidationFailed, "%s does not exist: %s", member, e.Message)
}

func denied(c Caller, action, resource, because string) error {
	return ivsrealtime.Errorf(ivsrealtime.AccessDenied,
		"User: arn:aws:iam::%s:user/%s is not authorized to perform: %s on resource: %s because %s", c.Account, c.UserName, qualified(action), resource, because)
}

// qualified adds the service's prefix to an action, unless it is one of
// Rostrum's own, which has another.
func qualified(action string) string {
	if strings.Contains(action, ":") {
		return action
	}
	return "ivs:" + action
}
