package conformance

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A request is one call that a client is to make with its SDK.
type request struct {
	Service   string         `json:"service"`
	Operation string         `json:"operation"`
	Input     map[string]any `json:"input"`
	Caller    caller         `json:"caller"`
	PageSize  int            `json:"pageSize,omitempty"` // walk all pages, of this size
	Items     string         `json:"items,omitempty"`    // the member that holds a page's items
}

// A reply is what the SDK made of the answer, with the API's member names and
// times as ISO 8601. What a client can't tell it leaves out.
type reply struct {
	Pages     []map[string]any `json:"pages"` // one, unless pages were walked
	Error     *fault           `json:"error"`
	RequestID *string          `json:"requestId"`
}

type fault struct {
	Name    string `json:"name"`   // the error's code
	Type    string `json:"type"`   // the SDK's type of it, if it has one
	Status  int    `json:"status"` // of HTTP
	Message string `json:"message"`
	Shown   string `json:"shown"` // what the user of the SDK sees who prints the error
}

// A client is one SDK under test.
type client struct {
	name string
	call func(t *testing.T, r request) (*reply, error)

	can    []string // of what steps need
	before []string // members of the API that are newer than the client
	knows  []string // services
}

// clients are those that can run here: all where make conformance has installed
// them, else those written in Go.
func clients(t *testing.T) []client {
	t.Helper()
	both := []string{stages, channels}
	all := []client{
		{name: "aws-sdk-go", call: callOfficial(), can: []string{"clock"}, before: newer, knows: both},
		{name: "rostrum", call: callOwn(), can: []string{"RevokeConnectionToken"}, knows: []string{stages}},
		{name: "rostrum async", call: callOwnAsync(), can: []string{"RevokeConnectionToken"}, knows: []string{stages}},
	}
	folder := os.Getenv("CONFORMANCE_CLIENTS")
	if folder == "" {
		t.Log("CONFORMANCE_CLIENTS names no folder of installed clients: only those in Go run")
		return all
	}
	python := filepath.Join(folder, "python", "bin")
	java := []string{
		"-XX:TieredStopAtLevel=1", "-cp", filepath.Join(folder, "java", "classes") + string(os.PathListSeparator) + filepath.Join(folder, "java", "lib", "*"),
		"rostrum.conformance.Client",
	}
	return append(all,
		client{name: "aws-sdk-js", call: process(t, "node", "javascript/client.mjs"), can: []string{"clock", "correction"}, knows: both},
		client{name: "boto3", call: process(t, filepath.Join(python, "python"), "python/client.py"), can: []string{"clock", "RevokeConnectionToken"}, knows: both},
		client{name: "aws-cli", call: callCommandLine(python), can: []string{"clock"}, knows: both},
		client{name: "aws-sdk-java", call: process(t, "java", append(java, "sync")...), can: []string{"clock", "correction"}, before: newer, knows: both},
		client{name: "java async", call: process(t, "java", append(java, "async")...), can: []string{"clock", "correction"}, before: newer, knows: both},
	)
}

// process is a client that is a program of its own: it reads a request a line
// and answers each with a line.
func process(t *testing.T, command string, args ...string) func(*testing.T, request) (*reply, error) {
	t.Helper()
	cmd := exec.Command(command, args...)
	cmd.Env = cleanEnvironment()
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // that is its sign to end
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s %v: %v", command, args, err)
		}
	})
	lines := bufio.NewReader(out)
	return func(_ *testing.T, r request) (*reply, error) {
		if err := json.NewEncoder(in).Encode(r); err != nil {
			return nil, err
		}
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("the client %s ended: %w", command, err)
		}
		got := new(reply)
		return got, json.Unmarshal(line, got)
	}
}

// cleanEnvironment is ours without what would configure an SDK from outside.
func cleanEnvironment() (kept []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(strings.ToUpper(v), "HTTP_PROXY=") {
			kept = append(kept, v)
		}
	}
	return append(kept, "NODE_NO_WARNINGS=1", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "NO_PROXY=127.0.0.1")
}

// callCommandLine calls the AWS CLI, a process for each call.
func callCommandLine(folder string) func(*testing.T, request) (*reply, error) {
	return func(t *testing.T, r request) (*reply, error) {
		input, err := json.Marshal(r.Input)
		if err != nil {
			return nil, err
		}
		args := []string{r.Service, hyphenated(r.Operation), "--cli-input-json", string(input), "--output", "json"}
		if r.PageSize > 0 && pagedByCommandLine[r.Operation] {
			args = append(args, "--page-size", strconv.Itoa(r.PageSize))
		}
		if r.PageSize > 0 && !pagedByCommandLine[r.Operation] {
			return walkByHand(t, r, callCommandLine(folder))
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "aws"), args...)
		if r.Caller.Clock != 0 {
			cmd = exec.CommandContext(t.Context(), filepath.Join(folder, "python"), append([]string{"python/skewed_cli.py", strconv.Itoa(r.Caller.Clock)}, args...)...)
		}
		cmd.Env = append(cleanEnvironment(), "AWS_ACCESS_KEY_ID="+r.Caller.AccessKey, "AWS_SECRET_ACCESS_KEY="+r.Caller.SecretKey,
			"AWS_REGION="+r.Caller.Region, "AWS_DEFAULT_REGION="+r.Caller.Region, "AWS_ENDPOINT_URL_IVS_REALTIME="+r.Caller.Endpoint, "AWS_ENDPOINT_URL_IVS="+r.Caller.Endpoint, "PYTHONIOENCODING=utf-8")
		if r.Caller.SessionToken != "" {
			cmd.Env = append(cmd.Env, "AWS_SESSION_TOKEN="+r.Caller.SessionToken)
		}
		if r.Caller.Attempts > 0 {
			cmd.Env = append(cmd.Env, "AWS_MAX_ATTEMPTS="+strconv.Itoa(r.Caller.Attempts))
		}
		out, err := cmd.Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return readComplaint(string(exit.Stderr))
		}
		if err != nil {
			return nil, err
		}
		page := map[string]any{}
		if len(out) > 0 {
			err = json.Unmarshal(out, &page)
		}
		return &reply{Pages: []map[string]any{page}}, err
	}
}

// pagedByCommandLine are the lists whose pages the AWS CLI walks by itself.
var pagedByCommandLine = map[string]bool{
	"ListPublicKeys": true, "ListIngestConfigurations": true, "ListParticipantReplicas": true,
	"ListChannels": true, "ListStreamKeys": true, "ListStreams": true,
}

// readComplaint reads “An error occurred (ValidationException) when calling the
// CreateStage operation: …”.
func readComplaint(text string) (*reply, error) {
	_, rest, ok := strings.Cut(text, "An error occurred (")
	name, rest, ok2 := strings.Cut(rest, ")")
	_, message, ok3 := strings.Cut(rest, " operation")
	if !ok || !ok2 || !ok3 {
		return nil, fmt.Errorf("the AWS CLI says %q", text)
	}
	return &reply{Error: &fault{Name: name, Message: message, Shown: strings.TrimSpace(text)}}, nil
}

// hyphenated is an operation's name as a command: list-stages.
func hyphenated(operation string) string {
	var b strings.Builder
	for i, r := range operation {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

// walkByHand walks the pages of a list for a client that has no means of its own.
func walkByHand(t *testing.T, r request, call func(*testing.T, request) (*reply, error)) (*reply, error) {
	all := &reply{}
	input := map[string]any{"maxResults": r.PageSize}
	for k, v := range r.Input {
		input[k] = v
	}
	r.Input, r.PageSize = input, 0
	for range 100 {
		page, err := call(t, r)
		if err != nil || page.Error != nil {
			return page, err
		}
		all.Pages = append(all.Pages, page.Pages[0])
		token, more := page.Pages[0]["nextToken"]
		if !more {
			return all, nil
		}
		input["nextToken"] = token
	}
	return nil, errors.New("the list has no end")
}
