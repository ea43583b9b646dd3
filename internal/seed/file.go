package seed

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"rostrum/ivsrealtime"
)

// A File says what there shall be.
type File struct {
	StorageConfigurations []ivsrealtime.CreateStorageConfigurationInput `json:"storageConfigurations,omitempty"`
	EncoderConfigurations []ivsrealtime.CreateEncoderConfigurationInput `json:"encoderConfigurations,omitempty"`
	PublicKeys            []PublicKey                                   `json:"publicKeys,omitempty"`
	Stages                []Stage                                       `json:"stages,omitempty"`
	IngestConfigurations  []ivsrealtime.CreateIngestConfigurationInput  `json:"ingestConfigurations,omitempty"`
}

// A PublicKey is imported from the file or from one beside it.
type PublicKey struct {
	ivsrealtime.ImportPublicKeyInput
	PublicKeyFile string `json:"publicKeyFile,omitempty"` // PEM, in place of publicKeyMaterial; relative to the seed
}

// A Stage is a stage, the tokens that each application of the file makes for it, and who
// publishes test patterns to it.
type Stage struct {
	ivsrealtime.CreateStageInput
	TestPublishers []TestPublisher `json:"testPublishers,omitempty"`
}

// A TestPublisher publishes a test pattern with a tone.
type TestPublisher struct {
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Width      int               `json:"width,omitempty"`  // 1280 by default
	Height     int               `json:"height,omitempty"` // 720 by default
	Simulcast  bool              `json:"simulcast,omitempty"`
	NoAudio    bool              `json:"noAudio,omitempty"`
	NoVideo    bool              `json:"noVideo,omitempty"`
}

// maxFileBytes bounds a file.
const maxFileBytes = 4 << 20

// ReadFile reads a file of YAML or JSON; "-" is stdin. An error names the line and the field.
func ReadFile(path string, stdin io.Reader) (*File, error) {
	name, from := filepath.Base(path), stdin
	if path == "-" {
		name = "standard input"
	} else {
		opened, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the seed: %w", err)
		}
		defer opened.Close()
		from = opened
	}
	raw, err := io.ReadAll(io.LimitReader(from, maxFileBytes+1))
	if err == nil && len(raw) > maxFileBytes {
		err = fmt.Errorf("it is larger than %d bytes", maxFileBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("read the seed %s: %w", name, err)
	}
	f, err := parse(raw, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("seed %s: %w", name, err)
	}
	return f, nil
}

// parse reads and checks a file whose public keys are relative to a folder.
func parse(raw []byte, folder string) (*File, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	f := &File{}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("it is empty: expected %s", strings.Join(fieldNames(f), ", "))
	}
	if err := checkNode(document.Content[0], typeOf(f), ""); err != nil {
		return nil, err
	}
	var values any
	if err := document.Decode(&values); err != nil {
		return nil, err
	}
	text, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(text, f)
	}
	if err != nil {
		return nil, err
	}
	return f, f.complete(folder)
}

// complete reads the public keys that are in files, and checks that all entries have names, by
// which they are found.
func (f *File) complete(folder string) error {
	for i := range f.PublicKeys {
		k := &f.PublicKeys[i]
		if k.PublicKeyFile == "" {
			continue
		}
		path := fmt.Sprintf("publicKeys[%d].publicKeyFile", i)
		if k.PublicKeyMaterial != "" {
			return fmt.Errorf("%s: publicKeyMaterial is given too: leave one out", path)
		}
		name := k.PublicKeyFile
		if !filepath.IsAbs(name) {
			name = filepath.Join(folder, name)
		}
		material, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		k.PublicKeyMaterial = string(material)
	}
	return f.checkNames()
}

func (f *File) checkNames() error {
	var stages, keys []string
	for i, s := range f.Stages {
		stages = append(stages, s.Name)
		var publishers []string
		for _, p := range s.TestPublishers {
			publishers = append(publishers, p.Name)
		}
		if err := distinct(fmt.Sprintf("stages[%d].testPublishers", i), publishers); err != nil {
			return err
		}
	}
	for _, k := range f.PublicKeys {
		keys = append(keys, k.Name)
	}
	for _, list := range []struct {
		path  string
		names []string
	}{
		{"storageConfigurations", names(f.StorageConfigurations, func(c ivsrealtime.CreateStorageConfigurationInput) string { return c.Name })},
		{"encoderConfigurations", names(f.EncoderConfigurations, func(c ivsrealtime.CreateEncoderConfigurationInput) string { return c.Name })},
		{"publicKeys", keys},
		{"stages", stages},
		{"ingestConfigurations", names(f.IngestConfigurations, func(c ivsrealtime.CreateIngestConfigurationInput) string { return c.Name })},
	} {
		if err := distinct(list.path, list.names); err != nil {
			return err
		}
	}
	return nil
}

func names[T any](all []T, name func(T) string) (list []string) {
	for _, one := range all {
		list = append(list, name(one))
	}
	return list
}

// distinct checks that names are given, and once.
func distinct(path string, names []string) error {
	for i, name := range names {
		switch first := slices.Index(names, name); {
		case name == "":
			return fmt.Errorf("%s[%d].name is missing: what exists is found by its name", path, i)
		case first < i:
			return fmt.Errorf("%s[%d].name is %q, as of %s[%d]: give it another name", path, i, name, path, first)
		}
	}
	return nil
}
