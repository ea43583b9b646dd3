package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHelp_ShowsTheFlagsThatMatterToTheCommand(t *testing.T) {
	for _, c := range []struct {
		args          []string
		shown, hidden string
	}{
		{nil, "serve  ", "--listen"},
		{[]string{"help"}, "serve  ", "manual"},
		{[]string{"help", "serve"}, "--listen=", "--spool-age"},
		{[]string{"serve", "--help"}, "--domain=", "--spool-age"},
		{[]string{"serve", "--help=all"}, "--spool-age=", "--help=all.\n"},
		{[]string{"keys", "list", "-h"}, "--data-dir=", "--listen"},
		{[]string{"publish", "--help"}, "--video-bitrate=", "--help=all.\n"},
		{[]string{"--version"}, "rostrum ", "Usage"},
	} {
		stdout, stderr, code := finish(t, rostrum(t, c.args...))
		if code != exitOK || stderr != "" || !strings.Contains(stdout, c.shown) || strings.Contains(stdout, c.hidden) {
			t.Errorf("rostrum %s: expected %q and not %q, got code %d, %s%s", strings.Join(c.args, " "), c.shown, c.hidden, code, stdout, stderr)
		}
	}
}

func TestHelp_BriefSettingsExist(t *testing.T) {
	parser, err := newParser(t.Context(), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for _, n := range allCommands(parser.Model.Node) {
		for _, f := range settings(n) {
			known[completedPath(n)] = append(known[completedPath(n)], f.Name)
		}
	}
	for command, brief := range briefSettings {
		for _, name := range brief {
			if !slices.Contains(known[command], name) {
				t.Errorf("rostrum %s has no setting %s", command, name)
			}
		}
	}
}

func TestMisuse_NamesTheHelpOfTheCommand(t *testing.T) {
	for args, remedy := range map[string]string{
		"serve --hlp":      "see rostrum serve --help\n",
		"keys":             "see rostrum keys --help\n",
		"keys revoke":      "see rostrum keys revoke --help\n",
		"nothing":          "see rostrum --help\n",
		"serve --help=any": "--help=all, got --help=any\n",
	} {
		if _, stderr, code := finish(t, rostrum(t, strings.Fields(args)...)); code != exitUsage || !strings.HasSuffix(stderr, remedy) {
			t.Errorf("rostrum %s: expected code 2 and %q, got %d and %q", args, remedy, code, stderr)
		}
	}
}

// complete completes a line in a shell, by a script that reads its words from the arguments.
var complete = map[string]string{
	"bash": `. ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rostrum; echo ${COMPREPLY[@]}`,
	"fish": `source ./script; complete -C (string join -- ' ' $argv) | string split -f 1 \t | string join ' '; true`,
}

func TestCompletion_KnowsCommandsFlagsAndValues(t *testing.T) {
	for shell, script := range complete {
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed", shell)
			continue
		}
		stdout, stderr, code := finish(t, rostrum(t, "completion", shell))
		if code != exitOK {
			t.Fatal(stderr)
		}
		write(t, ".", "script", stdout)
		for line, expected := range map[string]string{
			"rostrum keys cr":                   "create",
			"rostrum serve --auth n":            "none",
			"rostrum serve --auth none --datab": "--database --database-connections",
			"rostrum recordings export --hel":   "--help",
		} {
			cmd := exec.CommandContext(t.Context(), shell, append([]string{"-c", script, shell}, strings.Fields(line)...)...)
			if shell == "fish" {
				cmd.Args = slices.Delete(cmd.Args, 3, 4) // its arguments begin at once
			}
			if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != expected {
				t.Errorf("%s: %s: expected %q, got %q, %v", shell, line, expected, out, err)
			}
		}
	}
}

func TestManual_HasAPageForEachCommand(t *testing.T) {
	if _, stderr, code := finish(t, rostrum(t, "manual", "pages")); code != exitOK {
		t.Fatal(stderr)
	}
	for name, expected := range map[string]string{
		"rostrum.1":             ".BR rostrum\\-serve (1)\n",
		"rostrum-serve.1":       ".B \\-\\-data\\-dir=FOLDER\n",
		"rostrum-keys-revoke.1": ".I id\n",
	} {
		page, err := os.ReadFile(filepath.Join("pages", name))
		if err != nil || !strings.Contains(string(page), expected) {
			t.Errorf("%s: expected %q, got %v, %s", name, expected, err, page)
		}
	}
}
