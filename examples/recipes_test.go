package examples_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"rostrum/test/server"
)

// recipes are what is not a Go program of this module.
func recipes(t *testing.T) (all []string) {
	t.Helper()
	for _, pattern := range []string{"ci/*.yaml", "testcontainers/*/*.py", "testcontainers/*/*.mjs", "testcontainers/*/*.go", "testcontainers/java/src/main/java/*/*/*.java"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no file is %s: %v", pattern, err)
		}
		all = append(all, found...)
	}
	return all
}

// tried are settings that a recipe may name: ROSTRUM is the program, and a service container is
// found by it.
var tried = regexp.MustCompile(`\bROSTRUM_[A-Z_]+\b`)

func TestRecipes_NameOnlySettingsThatThereAre(t *testing.T) {
	folder := t.TempDir()
	binary, err := server.Build(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	printed, err := exec.Command(binary, "config", "print", "--json").Output()
	settings := map[string]any{}
	if err == nil {
		err = json.Unmarshal(printed, &settings)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, recipe := range recipes(t) {
		text, err := os.ReadFile(recipe)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range tried.FindAllString(string(text), -1) {
			if _, ok := settings[strings.ToLower(strings.TrimPrefix(name, "ROSTRUM_"))]; !ok {
				t.Errorf("%s: there is no setting %s", recipe, name)
			}
		}
	}
	t.Run("service container", func(t *testing.T) { servesAsService(t, binary) })
	t.Run("python", func(t *testing.T) { runs(t, binary, "testcontainers/python", "python3", "-B", "test_rostrum.py") })
	t.Run("node", func(t *testing.T) { runs(t, binary, "testcontainers/node", "node", "--test") })
}

// runs runs the test of a module, with a process in place of a container.
func runs(t *testing.T, binary, folder, program string, args ...string) {
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("no %s", program)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "ROSTRUM="+binary)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// servesAsService starts a server with the variables of each service container, at another
// address, and runs the commands that the jobs run.
func servesAsService(t *testing.T, binary string) {
	var github struct {
		Jobs struct {
			Test struct {
				Services struct {
					Rostrum struct{ Env map[string]string }
				}
				Env map[string]string
			}
		}
	}
	var gitlab struct {
		Test struct {
			Services  []struct{ Variables map[string]string }
			Variables map[string]string
		}
	}
	for name, into := range map[string]any{"ci/github.yaml": &github, "ci/gitlab.yaml": &gitlab} {
		text, err := os.ReadFile(name)
		if err == nil {
			err = yaml.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if gitlab.Test.Services[0].Variables["ROSTRUM_SECRET_KEY"] != gitlab.Test.Variables["AWS_SECRET_ACCESS_KEY"] {
		t.Error("ci/gitlab.yaml: the job has another key than the service")
	}
	address, err := server.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	at := []string{"ROSTRUM_LISTEN=" + address, "ROSTRUM_MEDIA_PORT=0", "ROSTRUM_RTMP_LISTEN=127.0.0.1:0"}
	serving := variables(github.Jobs.Test.Services.Rostrum.Env, append(at, "ROSTRUM_PUBLIC_URL=http://"+address))
	start(t, serving, binary, "serve")
	job := variables(github.Jobs.Test.Env, append(at, "AWS_ENDPOINT_URL_IVS_REALTIME=http://"+address))
	execute := func(environment []string, args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Env = environment
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out
	}
	execute(job, "wait", "--listen", strings.Replace(address, "127.0.0.1", "localhost", 1))
	for _, environment := range [][]string{job, serving} { // from the job, and by docker exec
		if out := execute(environment, "seed", "--json", "testcontainers/seed.yaml"); !strings.HasPrefix(string(out), `{"stages":{"lobby":{"arn":"arn:aws:ivs:`) {
			t.Errorf("rostrum seed printed %s", out)
		}
	}
}

// variables is an environment with no more than is given.
func variables(given map[string]string, more []string) []string {
	all := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range given {
		all = append(all, name+"="+value)
	}
	return append(all, more...)
}
