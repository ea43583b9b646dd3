package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// helpCommand shows help, as --help does.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command, by default all in short."`
}

// Run shows the help of the command named.
func (c *helpCommand) Run(app *kong.Kong) error {
	_, err := app.Parse(append(slices.Clone(c.Command), "--help"))
	if err != nil {
		return misuse(withHelp(err))
	}
	return nil
}

// briefSettings are, by command, the settings that its help shows without --help=all.
var briefSettings = map[string][]string{
	"serve":             serverSettings,
	"doctor":            serverSettings,
	"config check":      serverSettings,
	"config print":      serverSettings,
	"seed":              append([]string{"listen", "public-url", "domain", "access-key", "secret-key"}, storeSettings...),
	"wait":              {"config", "listen", "domain", "tls-cert"},
	"env":               append([]string{"listen", "public-url", "domain", "region"}, storeSettings...),
	"link":              append([]string{"listen", "public-url", "domain"}, storeSettings...),
	"events tail":       append([]string{"listen", "public-url", "domain"}, storeSettings...),
	"recordings list":   append([]string{"s3-endpoint"}, storeSettings...),
	"recordings verify": append([]string{"s3-endpoint"}, storeSettings...),
	"recordings export": append([]string{"s3-endpoint"}, storeSettings...),
}

// storeSettings are those of the commands that briefSettings does not name: they read the store.
var storeSettings = []string{"config", "data-dir", "database"}

var serverSettings = []string{
	"config", "listen", "media-port", "public-ip", "public-url", "rtmp-listen", "data-dir", "database", "ephemeral", "seed", "s3-endpoint",
	"domain", "tls-cert", "tls-key", "auth", "limits", "log-level",
}

// helpFlag is --help. It shows the flags that matter to the command, and with =all every flag.
type helpFlag string

// IsBool lets the flag stand without a value.
func (helpFlag) IsBool() bool { return true }

// Decode reads =all.
func (h *helpFlag) Decode(ctx *kong.DecodeContext) error {
	*h = "brief"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		if value := ctx.Scan.Pop().String(); value != "all" {
			return fmt.Errorf("expected --help or --help=all, got --help=%s", value)
		}
		*h = "all"
	}
	return nil
}

// BeforeReset prints the help instead of running the command, before anything else is checked.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	hidden := false
	if chosen := ctx.Selected(); chosen != nil && !wantsAll(ctx) {
		hidden = hideSettings(chosen)
	}
	if err := kong.DefaultHelpPrinter(helpOptions, ctx); err != nil {
		return err
	}
	if hidden {
		fmt.Fprintln(ctx.Stdout, "\nFurther settings are shown by --help=all.")
	}
	ctx.Kong.Exit(exitOK)
	return nil
}

// helpOptions has the flags without their variables: a setting has one by its name.
var helpOptions = kong.HelpOptions{Compact: true, NoExpandSubcommands: true, ValueFormatter: kong.DefaultHelpValueFormatter}

func wantsAll(ctx *kong.Context) bool {
	return slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool {
		return p.Flag != nil && p.Flag.Name == "help" && ctx.FlagValue(p.Flag) == helpFlag("all")
	})
}

// hideSettings hides the settings that matter little to a command, and reports whether there
// are any.
func hideSettings(command *kong.Node) (hidden bool) {
	shown, known := briefSettings[commandPath(command)]
	if !known {
		shown = storeSettings
	}
	for _, f := range settings(command) {
		if !slices.Contains(shown, f.Name) {
			f.Hidden, hidden = true, true
		}
	}
	return hidden
}

// settings are the flags of a command that package config declares: in a command that has any,
// those in groups.
func settings(command *kong.Node) (all []*kong.Flag) {
	for _, f := range command.Flags {
		if f.Group != nil || f.Name == "config" {
			all = append(all, f)
		}
	}
	if !slices.ContainsFunc(all, func(f *kong.Flag) bool { return f.Name == "config" }) {
		return nil
	}
	return all
}

// commandPath is the name of a command with those above it: "keys create".
func commandPath(command *kong.Node) string {
	if command.Parent == nil || command.Parent.Type == kong.ApplicationNode {
		return command.Name
	}
	return commandPath(command.Parent) + " " + command.Name
}

// withHelp adds to an error of the command line where its flags are listed. Errors of settings
// name their remedy themselves.
func withHelp(err error) error {
	parsing, ok := errors.AsType[*kong.ParseError](err)
	if !ok || !slices.ContainsFunc([]string{"unknown flag", "unexpected argument", "expected ", "missing "}, func(start string) bool {
		return strings.HasPrefix(err.Error(), start)
	}) {
		return err
	}
	command := "rostrum"
	if chosen := parsing.Context.Selected(); chosen != nil {
		command += " " + commandPath(chosen)
	}
	return fmt.Errorf("%w; see %s --help", err, command)
}
