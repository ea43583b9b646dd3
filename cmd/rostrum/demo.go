package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/mattn/go-isatty"

	"rostrum/internal/admin"
	"rostrum/ivsrealtime"
)

// demoVerb shows a stage at work: it does what a user would do with the other
// verbs and an SDK, each part by the same way.
type demoVerb struct {
	Listen    string        `default:"127.0.0.1:7080" placeholder:"HOST:PORT" help:"Where to serve; port 0 takes a free one."`
	MediaPort string        `default:"7081" placeholder:"PORT" help:"The one port of all media; 0 takes a free one."`
	Size      string        `default:"1280x720" help:"Width and height of the test pictures."`
	Duration  time.Duration `help:"Stop after this time."`
}

// performers are the test participants.
var performers = []string{"Ada", "Grace"}

// A scene is the demo's stage, and who may be on it.
type scene struct {
	Endpoint string `json:"endpoint"`
	StageARN string `json:"stageArn"`
	Page     string `json:"page"` // shows the stage to whoever opens it
	Try      string `json:"try"`

	publishing []string // tokens of the performers
	watching   string   // token of the viewer whose statistics are shown
	names      map[string]string
}

// Run serves, publishes and watches until told to stop.
func (v *demoVerb) Run(ctx context.Context, out *output) error {
	if v.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.Duration)
		defer cancel()
	}
	// The server outlives the others, so that they can leave in good order.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	playing, stopPlaying := context.WithCancel(ctx)
	defer stopPlaying()
	greetings, words := io.Pipe()
	served := make(chan error, 1)
	go func() {
		err := v.perform(serving, words, "serve", "--ephemeral", "--json", "--log-level", "warn", "--listen", v.Listen, "--media-port", v.MediaPort,
			// Firefox doesn't pair its addresses with loopback, where the page is.
			"--media-listen", "0.0.0.0")
		words.Close()
		stopPlaying()
		served <- err
	}()
	var hello greeting
	var err error
	if json.NewDecoder(greetings).Decode(&hello) == nil { // else the server tells why not
		err = v.play(playing, out, hello)
	}
	stopServing()
	return errors.Join(err, <-served)
}

// perform carries out another verb, as its command line would. What it complains
// of is told only if it fails.
func (v *demoVerb) perform(ctx context.Context, words io.Writer, args ...string) error {
	var complaints strings.Builder
	if run(ctx, args, words, &complaints) != exitOK && ctx.Err() == nil {
		return errors.New(strings.TrimPrefix(strings.TrimSpace(complaints.String()), "rostrum: "))
	}
	return nil
}

// play sets the scene and has everybody take part in it.
func (v *demoVerb) play(ctx context.Context, out *output, hello greeting) error {
	s, err := setScene(ctx, hello)
	if err != nil {
		return err
	}
	if err := out.say(s, s.announce); err != nil {
		return err
	}
	var parts []func(context.Context) error
	for _, token := range s.publishing {
		parts = append(parts, func(ctx context.Context) error {
			return v.perform(ctx, io.Discard, "publish", "--simulcast", "--size", v.Size, "--token", token)
		})
	}
	figures, lines := io.Pipe()
	parts = append(parts,
		func(ctx context.Context) error {
			defer lines.Close()
			return v.perform(ctx, lines, "subscribe", "--all", "--json", "--token", s.watching)
		},
		func(ctx context.Context) error { return s.report(ctx, out, figures) },
	)
	return together(ctx, parts...)
}

// setScene makes the stage and its participants, by the SDK.
func setScene(ctx context.Context, hello greeting) (*scene, error) {
	client, err := ivsrealtime.NewClientBuilder().Region(hello.Region).EndpointOverride(hello.Endpoint).
		CredentialsProvider(credentials.NewStaticCredentialsProvider(hello.AccessKey, hello.SecretKey, "")).Build(ctx)
	if err != nil {
		return nil, err
	}
	made, err := client.CreateStage(ctx, &ivsrealtime.CreateStageInput{Name: "demo"})
	if err != nil {
		return nil, err
	}
	s := &scene{Endpoint: hello.Endpoint, StageARN: made.Stage.ARN, names: map[string]string{}}
	s.Try = strings.Replace(hello.Try, "create-stage --name hello", "get-stage --arn "+s.StageARN, 1)
	join := func(name string, may ...ivsrealtime.Capability) (string, error) {
		t, err := client.CreateParticipantToken(ctx, &ivsrealtime.CreateParticipantTokenInput{
			StageARN: s.StageARN, UserID: strings.ToLower(name), Attributes: map[string]string{"name": name}, Capabilities: may,
		})
		if err != nil {
			return "", err
		}
		s.names[t.ParticipantToken.ParticipantID] = name
		return t.ParticipantToken.Token, nil
	}
	for _, name := range performers {
		token, err := join(name, ivsrealtime.CapabilityPublish)
		if err != nil {
			return nil, err
		}
		s.publishing = append(s.publishing, token)
	}
	if s.watching, err = join("Viewer", ivsrealtime.CapabilitySubscribe); err != nil {
		return nil, err
	}
	visitor, err := join("Visitor", ivsrealtime.CapabilityPublish, ivsrealtime.CapabilitySubscribe)
	s.Page = hello.Endpoint + admin.PagePath + "#" + visitor
	return s, err
}

func (s *scene) announce(w io.Writer) {
	fmt.Fprintf(w, `A stage with two test participants, on %s.

See it in a browser, and publish your camera:

  %s

Look at it with the AWS CLI:

  %s

What a viewer receives (Ctrl-C stops):

`, s.Endpoint, s.Page, s.Try)
}

// A view is what the viewer receives of one participant.
type view struct {
	Name string `json:"name"`
	received
}

// report tells each second what the viewer receives. When all is over it reads
// on in silence, so that the viewer can end.
func (s *scene) report(ctx context.Context, out *output, from io.Reader) error {
	var p panel
	if screen, ok := out.people.(*os.File); ok {
		p.inPlace = isatty.IsTerminal(screen.Fd())
	}
	for lines := bufio.NewScanner(from); lines.Scan(); {
		var r received
		if ctx.Err() != nil || json.Unmarshal(lines.Bytes(), &r) != nil || r.Kind != "video" {
			continue
		}
		v := view{s.names[r.ParticipantID], r}
		if err := out.say(v, func(w io.Writer) { p.show(w, v) }); err != nil {
			return err
		}
	}
	return nil
}

// A panel shows a line for each participant. On a terminal the lines stay in
// place; elsewhere they are written every ten seconds.
type panel struct {
	inPlace bool
	lines   map[string]string
	drawn   int // lines on the screen
	told    time.Time
}

const panelEvery = 10 * time.Second

func (p *panel) show(w io.Writer, v view) {
	if p.lines == nil {
		p.lines = map[string]string{}
	}
	if v.Event == "summary" { // it left
		delete(p.lines, v.Name)
	} else {
		var line strings.Builder
		v.describeFigures(&line)
		p.lines[v.Name] = fmt.Sprintf("  %-8s %s", v.Name, strings.TrimPrefix(line.String(), v.ParticipantID))
	}
	up, clear := "", ""
	if p.inPlace {
		up, clear = fmt.Sprintf("\x1b[%dA", p.drawn), "\x1b[J"
	} else if time.Since(p.told) < panelEvery || len(p.lines) < len(performers) {
		return
	}
	p.told = time.Now()
	if p.drawn > 0 {
		fmt.Fprint(w, up, clear)
	}
	for _, name := range slices.Sorted(maps.Keys(p.lines)) {
		fmt.Fprint(w, p.lines[name])
	}
	p.drawn = len(p.lines)
}
