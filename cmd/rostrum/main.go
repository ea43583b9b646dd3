// Command rostrum serves stages: the Amazon IVS Real-Time API, the media of participants,
// and the tools around them.
//
// Each command is in a file of its own: a struct whose fields are its flags and arguments,
// and a method
//
//	Run(ctx context.Context, out *output) error
//
// which may leave out the parameters that it does not use. The context ends with the first
// SIGINT or SIGTERM; a command then cleans up and returns within five seconds. A second
// signal ends the process at once. A command prints through out, to people or, with --json,
// to programs. Logs and errors go to standard error.
//
// Exit codes: 0 is success, also of a server that a signal stopped; 1 is a failure; 2 is a
// command line, environment or configuration that is not valid, for which a command returns
// an error made by misuse; 3 is a token or key that was refused, for which it returns a
// denied error.
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

// Exit codes of all commands.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitDenied  = 3
)

// commands is the command line: one line for each command, in the order of the help.
type commands struct {
	Usage helpFlag `name:"help" short:"h" help:"Show help; --help=all shows every flag."`
	JSON  bool     `name:"json" help:"Print JSON for programs, one document a line."`

	Serve      serveCommand       `cmd:"" help:"Run a server until it is interrupted."`
	Wait       waitCommand        `cmd:"" help:"Wait until the server on this machine is ready."`
	Seed       seedCommand        `cmd:"" help:"Make stages, tokens, configurations and public keys that a file lists, unless the server has them, and print their ARNs."`
	Demo       demoCommand        `cmd:"" help:"Run a server with test participants, a composition of them in a channel, and all their recordings."`
	Env        envCommand         `cmd:"" help:"Print the environment for AWS SDKs and the AWS CLI: eval \"$$(rostrum env)\"."`
	Keys       keysCommands       `cmd:"" help:"Create, list and revoke access keys."`
	Config     configCommands     `cmd:"" help:"Check and print the configuration."`
	OnAir      onAirCommand       `cmd:"" help:"List the channels that are live, and where their streams are pushed to."`
	Nodes      nodesCommand       `cmd:"" help:"List the nodes of the database: where each is, and what it does."`
	Events     eventsCommands     `cmd:"" help:"Read the event log."`
	Targets    targetsCommands    `cmd:"" help:"Manage the targets of events."`
	Publish    publishCommand     `cmd:"" help:"Send a file or a test pattern into a stage."`
	Subscribe  subscribeCommand   `cmd:"" help:"Receive publishers of a stage: print statistics, or write a file."`
	Bench      benchCommand       `cmd:"" help:"Measure how many viewers a server can serve, and at what cost."`
	Token      tokenCommands      `cmd:"" help:"Inspect participant tokens."`
	Recordings recordingsCommands `cmd:"" help:"List, check and export recordings."`
	Link       linkCommand        `cmd:"" help:"Create a link with which a browser plays a recording."`
	Doctor     doctorCommand      `cmd:"" help:"Check whether a server can run and be reached on this machine."`
	Backup     backupCommand      `cmd:"" help:"Copy all data, also while a server runs."`
	Completion completionCommand  `cmd:"" help:"Print the completions of a shell: bash, zsh or fish."`
	Manual     manualCommand      `cmd:"" hidden:"" help:"Write the manual pages into a folder."`
	Version    versionCommand     `cmd:"" help:"Print the version of this binary; so does --version."`
	Help       helpCommand        `cmd:"" help:"Show the help of a command; so does --help."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal is not caught
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// An exit code that ends the command line from within the parser.
type exit int

// run parses the command line, runs its command and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		switch stopped := recover().(type) {
		case nil:
		case exit:
			code = int(stopped)
		default:
			panic(stopped)
		}
	}()
	parser, err := newParser(ctx, stdout, stderr)
	if err != nil {
		return report(stderr, err)
	}
	switch {
	case len(args) == 0:
		args = []string{"help"}
	case args[0] == "--version":
		args[0] = "version"
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		return report(stderr, misuse(withHelp(err)))
	}
	return report(stderr, chosen.Run())
}

func newParser(ctx context.Context, stdout, stderr io.Writer) (*kong.Kong, error) {
	var cli commands
	return kong.New(&cli,
		kong.Name("rostrum"),
		kong.Description("Amazon IVS Real-Time stages, on your own machines."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&output{stdout: stdout, stderr: stderr, json: &cli.JSON}),
		kong.NoDefaultHelp(),
	)
}

// report prints an error and returns the exit code.
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
