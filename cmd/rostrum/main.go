// Command rostrum serves stages: the Amazon IVS Real-Time API, the media of its
// participants and the tools around them.
//
// Each verb stands in a file of its own: a struct whose fields are its flags
// and arguments, and a method
//
//	Run(ctx context.Context, out *output) error
//
// of which it may leave out what it does not use. The context ends with the
// first SIGINT or SIGTERM; a verb then cleans up and returns within five
// seconds (a second signal ends the process at once). What a verb has to say
// goes through out, which speaks to people or, with --json, to programs. Logs
// and errors go to standard error.
//
// Exit codes: 0 is success, a server stopped by a signal included; 1 a failure;
// 2 a command line, environment or configuration that can't be understood, for
// which a verb returns an error made by misuse; 3 a token or key that was refused,
// for which a verb returns a denied error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes of every verb.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitDenied  = 3
)

// verbs is the command line: one line for each verb, in the order of the help.
type verbs struct {
	JSON bool `name:"json" help:"Print for programs: JSON, one document a line."`

	Serve     serveVerb       `cmd:"" help:"Serve stages until told to stop."`
	Demo      demoVerb        `cmd:"" help:"Show a stage at work: test participants, a composition in a channel, its recording."`
	Env       envVerb         `cmd:"" help:"Print what AWS SDKs and the AWS CLI need: eval \"$$(rostrum env)\"."`
	Keys      keysVerbs       `cmd:"" help:"Make, list and revoke access keys."`
	Config    configVerbs     `cmd:"" help:"Check and print the configuration."`
	OnAir     onAirVerb       `cmd:"" help:"List the channels that are on air, and where they are sent on to."`
	Events    eventsVerbs     `cmd:"" help:"See what happened."`
	Targets   targetsCommands `cmd:"" help:"Say where events go."`
	Publish   publishVerb     `cmd:"" help:"Send a file or a test pattern into a stage."`
	Subscribe subscribeVerb   `cmd:"" help:"Receive publishers of a stage: statistics, or into a file."`
	Bench     benchVerb       `cmd:"" help:"Measure how many viewers a server carries, and at what cost."`
	Token     tokenVerbs      `cmd:"" help:"Look into participant tokens."`
	Link      linkVerb        `cmd:"" help:"Make a link under which a browser plays a recording."`
	Doctor    doctorVerb      `cmd:"" help:"Look for what would keep rostrum serve from working well here."`
	Backup    backupVerb      `cmd:"" help:"Copy everything that is kept, also while a server runs."`
	Version   versionVerb     `cmd:"" help:"Print the version of this binary."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal is not caught
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run reads the command line, carries out its verb and answers the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cli verbs
	out := &output{people: stdout, log: stderr, json: &cli.JSON}
	parser, err := kong.New(&cli,
		kong.Name("rostrum"),
		kong.Description("Amazon IVS Real-Time stages, on your own machines."),
		kong.Writers(stdout, stderr),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(out),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
	)
	if err != nil {
		return report(stderr, err)
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		return report(stderr, misuse(err))
	}
	return report(stderr, chosen.Run())
}

// report tells people what went wrong and answers the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "rostrum: "+err.Error())
	if _, ok := errors.AsType[misused](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[denied](err); ok {
		return exitDenied
	}
	return exitFailure
}

// misused marks an error as the caller's: the exit code becomes 2.
type misused struct{ error }

func (m misused) Unwrap() error { return m.error }

// misuse marks err as one of the command line, environment or configuration.
func misuse(err error) error { return misused{err} }
