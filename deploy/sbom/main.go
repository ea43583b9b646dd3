// Command sbom writes what a binary is made of: a bill of materials in CycloneDX's JSON, and
// the licences of all modules.
//
//	sbom BINARY VERSION SBOM LICENCES
//
// The modules are those that the Go toolchain recorded in the binary; their licences are read
// from the module cache.
package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A component is a module, as CycloneDX 1.5 describes it.
type component struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl,omitempty"`
}

type document struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: sbom BINARY VERSION SBOM LICENCES")
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		log.Fatal("sbom: ", err)
	}
}

func write(binary, version, sbom, licences string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	about := document{
		Format: "CycloneDX", Spec: "1.5", Version: 1,
		Metadata:   metadata{component{Type: "application", Name: filepath.Base(info.Path), Version: version}},
		Components: []component{{Type: "library", Name: "std", Version: info.GoVersion, PURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}},
	}
	text := new(bytes.Buffer)
	if err := appendLicences(text, "The Go programming language "+info.GoVersion, goRoot()); err != nil {
		return err
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		about.Components = append(about.Components, component{"library", m.Path, m.Version, "pkg:golang/" + m.Path + "@" + m.Version})
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", m.Path).Output()
		if err != nil {
			return fmt.Errorf("go list %s: %w", m.Path, err)
		}
		if err := appendLicences(text, m.Path+" "+m.Version, strings.TrimSpace(string(out))); err != nil {
			return err
		}
	}
	list, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(sbom, append(list, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(licences, text.Bytes(), 0o644)
}

func goRoot() string {
	out, _ := exec.Command("go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(out))
}

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)`)

// appendLicences appends the files of a module that say its licence. A module without any is an
// error: it must not be distributed.
func appendLicences(text *bytes.Buffer, name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("licence of %s: %w", name, err)
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licenceName.MatchString(e.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "==== %s: %s\n\n%s\n", name, e.Name(), content)
		found = true
	}
	if !found {
		return fmt.Errorf("%s has no file of its licence in %s", name, dir)
	}
	return nil
}
