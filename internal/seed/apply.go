package seed

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"rostrum/ivsrealtime"
)

// An applier makes what a file says. Names have the ARNs of what exists, by name.
type applier struct {
	client *ivsrealtime.Client
	names  map[kind]map[string]string
	result *Result
}

// A kind is what the file calls a list of resources.
type kind string

const (
	storageKind kind = "storageConfigurations"
	encoderKind kind = "encoderConfigurations"
	keyKind     kind = "publicKeys"
	stageKind   kind = "stages"
	ingestKind  kind = "ingestConfigurations"
)

// Apply makes what the file says and a server does not have. Tokens are new each time, because
// a server does not keep them.
func Apply(ctx context.Context, client *ivsrealtime.Client, f *File) (*Result, error) {
	a := &applier{client: client, names: map[kind]map[string]string{}, result: newResult()}
	if err := a.find(ctx, f); err != nil {
		return nil, fmt.Errorf("find what exists: %w", err)
	}
	for _, step := range []func(context.Context, *File) error{a.applyStorage, a.applyEncoders, a.applyKeys, a.applyStages, a.applyIngest} {
		if err := step(ctx, f); err != nil {
			return nil, err
		}
	}
	return a.result, nil
}

// find lists what the server has. The other kinds are listed too, because entries may name them.
func (a *applier) find(ctx context.Context, f *File) error {
	needs := map[kind]bool{
		storageKind: len(f.StorageConfigurations)+len(f.Stages) > 0, encoderKind: len(f.EncoderConfigurations) > 0,
		keyKind: len(f.PublicKeys) > 0, stageKind: len(f.Stages)+len(f.IngestConfigurations) > 0, ingestKind: len(f.IngestConfigurations) > 0,
	}
	for kind, list := range map[kind]func() (map[string]string, error){
		storageKind: func() (map[string]string, error) {
			return byName(a.client.StorageConfigurations(ctx, nil), func(s ivsrealtime.StorageConfigurationSummary) (string, string) { return s.Name, s.ARN })
		},
		encoderKind: func() (map[string]string, error) {
			return byName(a.client.EncoderConfigurations(ctx, nil), func(s ivsrealtime.EncoderConfigurationSummary) (string, string) { return s.Name, s.ARN })
		},
		keyKind: func() (map[string]string, error) {
			return byName(a.client.PublicKeys(ctx, nil), func(s ivsrealtime.PublicKeySummary) (string, string) { return s.Name, s.ARN })
		},
		stageKind: func() (map[string]string, error) {
			return byName(a.client.Stages(ctx, nil), func(s ivsrealtime.StageSummary) (string, string) { return s.Name, s.ARN })
		},
		ingestKind: func() (map[string]string, error) {
			return byName(a.client.IngestConfigurations(ctx, nil), func(s ivsrealtime.IngestConfigurationSummary) (string, string) { return s.Name, s.ARN })
		},
	} {
		a.names[kind] = map[string]string{}
		if !needs[kind] {
			continue
		}
		found, err := list()
		if err != nil {
			return err
		}
		a.names[kind] = found
	}
	return nil
}

// several stands for the ARN of a name that several resources have.
const several = "several"

func byName[T any](all iter.Seq2[T, error], read func(T) (name, arn string)) (map[string]string, error) {
	found := map[string]string{}
	for one, err := range all {
		if err != nil {
			return nil, err
		}
		name, arn := read(one)
		if found[name] != "" {
			arn = several
		}
		found[name] = arn
	}
	return found, nil
}

// An entry is one resource of the file.
type entry struct {
	kind  kind
	index int
	name  string
	input any // of its operation, a pointer, for validation
	tags  map[string]string
	given map[string]any // what an existing resource must have, by the path of the field

	create func(context.Context) (arn string, err error)
	get    func(ctx context.Context, arn string) (any, error)
	change func(ctx context.Context, arn string) error // nil if the API can't change it
}

func (e *entry) path() string { return fmt.Sprintf("%s[%d] (%s)", e.kind, e.index, e.name) }

// ensure returns the ARN of the resource that has the name, which it makes or changes.
func (a *applier) ensure(ctx context.Context, e entry) (string, error) {
	if err := ivsrealtime.Validate(e.input); err != nil {
		return "", fmt.Errorf("%s: %w", e.path(), err)
	}
	arn := a.names[e.kind][e.name]
	switch arn {
	case several:
		return "", fmt.Errorf("%s: several have this name, and a seed finds what exists by its name: delete all but one, or give this one another name", e.path())
	case "":
		made, err := e.create(ctx)
		if err != nil {
			return "", fmt.Errorf("%s: %w", e.path(), err)
		}
		a.names[e.kind][e.name] = made
		return made, nil
	}
	if err := a.update(ctx, e, arn); err != nil {
		return "", fmt.Errorf("%s: %w", e.path(), err)
	}
	return arn, nil
}

// update gives an existing resource what the file says.
func (a *applier) update(ctx context.Context, e entry, arn string) error {
	existing, err := e.get(ctx, arn)
	if err != nil {
		return err
	}
	has, err := generic(existing)
	if err != nil {
		return err
	}
	given, err := generic(e.given)
	if err != nil {
		return err
	}
	if field, is, wanted := difference(given, has, ""); field != "" {
		if e.change == nil {
			return fmt.Errorf("%s of the existing one is %s, in the file it is %s, and it can't be changed: delete the existing one, or give this one another name", field, is, wanted)
		}
		if err := e.change(ctx, arn); err != nil {
			return err
		}
	}
	if field, _, _ := difference(tagsOf(e.tags), has, ""); field == "" {
		return nil
	}
	_, err = a.client.TagResource(ctx, &ivsrealtime.TagResourceInput{ResourceARN: arn, Tags: e.tags})
	return err
}

// reference returns the ARN that a field of an entry names: an ARN, or the name of a resource.
func (a *applier) reference(from entry, field, value string, to kind) (string, error) {
	if value == "" || strings.HasPrefix(value, "arn:") {
		return value, nil
	}
	switch arn := a.names[to][value]; arn {
	case several:
		return "", fmt.Errorf("%s: %s is %q, which several have: give the ARN", from.path(), field, value)
	case "":
		return "", fmt.Errorf("%s: %s is %q, which neither is an ARN nor the name of one of %s (%s): add it there", from.path(), field, value, to, known(a.names[to]))
	default:
		return arn, nil
	}
}

func known(names map[string]string) string {
	if len(names) == 0 {
		return "there are none"
	}
	return "there are " + strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}
