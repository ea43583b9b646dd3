package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"rostrum/internal/server"
)

// completionCommand prints the completions of a shell, made from the declarations of the
// commands and their flags.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script.
func (c *completionCommand) Run(app *kong.Kong, out *output) error {
	write := map[string]func(io.Writer, []*kong.Node){"bash": completeBash, "zsh": completeZsh, "fish": completeFish}[c.Shell]
	write(out.stdout, allCommands(app.Model.Node))
	return nil
}

// allCommands lists a command and those below it, without hidden ones.
func allCommands(n *kong.Node) []*kong.Node {
	all := []*kong.Node{n}
	for _, child := range n.Children {
		if !child.Hidden {
			all = append(all, allCommands(child)...)
		}
	}
	return all
}

// completedPath is the path of a command, empty for that of all.
func completedPath(n *kong.Node) string {
	if n.Type == kong.ApplicationNode {
		return ""
	}
	return commandPath(n)
}

// completedFlags are the flags of a command, with those of all commands.
func completedFlags(n *kong.Node) []*kong.Flag { return slices.Concat(n.AllFlags(true)...) }

// paths lists the paths of all commands below the first, each quoted for a pattern of case.
func paths(all []*kong.Node) string {
	var quoted []string
	for _, n := range all[1:] {
		quoted = append(quoted, `"`+commandPath(n)+`"`)
	}
	return strings.Join(quoted, "|")
}

// walk is shell that finds in $at the command that the words before the cursor name.
const walk = `	local at= word
	for word in %s; do
		case "${at:+$at }$word" in
		%s) at="${at:+$at }$word" ;;
		esac
	done
`

func completeBash(w io.Writer, all []*kong.Node) {
	fmt.Fprint(w, "# Completions of rostrum for bash.\n_rostrum() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n")
	fmt.Fprint(w, "\t[ \"$cur\" != = ] || cur=\n\t[ \"$prev\" != = ] || prev=${COMP_WORDS[COMP_CWORD-2]}\n")
	fmt.Fprintf(w, walk, `"${COMP_WORDS[@]:1:COMP_CWORD-1}"`, paths(all))
	fmt.Fprint(w, "\tcase \"$at\" in\n")
	for _, n := range all {
		var words []string
		for _, child := range n.Children {
			if !child.Hidden {
				words = append(words, child.Name)
			}
		}
		for _, f := range completedFlags(n) {
			words = append(words, "--"+f.Name)
		}
		fmt.Fprintf(w, "\t%q) words=%q ;;\n", completedPath(n), strings.Join(words, " "))
	}
	fmt.Fprint(w, "\tesac\n\tcase \"$at $prev\" in\n")
	for _, n := range all {
		for _, f := range completedFlags(n) {
			if f.Enum != "" {
				fmt.Fprintf(w, "\t%q) words=%q ;;\n", completedPath(n)+" --"+f.Name, strings.Join(f.EnumSlice(), " "))
			} else if !f.IsBool() {
				fmt.Fprintf(w, "\t%q) return ;;\n", completedPath(n)+" --"+f.Name) // files
			}
		}
	}
	fmt.Fprint(w, "\tesac\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _rostrum rostrum\n")
}

func completeZsh(w io.Writer, all []*kong.Node) {
	fmt.Fprint(w, "#compdef rostrum\n# Completions of rostrum for zsh.\n_rostrum() {\n\tlocal -a commands flags\n")
	fmt.Fprintf(w, walk, `"${(@)words[2,CURRENT-1]}"`, paths(all))
	fmt.Fprint(w, "\tcase \"$at\" in\n")
	for _, n := range all {
		fmt.Fprintf(w, "\t%q)\n", completedPath(n))
		for _, child := range n.Children {
			if !child.Hidden {
				fmt.Fprintf(w, "\t\tcommands+=(%s)\n", server.ShellQuote(child.Name+":"+child.Help))
			}
		}
		for _, f := range completedFlags(n) {
			fmt.Fprintf(w, "\t\tflags+=(%s)\n", server.ShellQuote("--"+f.Name+":"+f.Help))
		}
		fmt.Fprint(w, "\t\t;;\n")
	}
	fmt.Fprint(w, "\tesac\n\tcase \"$PREFIX\" in\n\t-*) _describe -o flag flags ;;\n\t*) ((${#commands})) && _describe command commands || _files ;;\n\tesac\n}\n")
	fmt.Fprint(w, "if [ \"$funcstack[1]\" = _rostrum ]; then _rostrum \"$@\"; else compdef _rostrum rostrum; fi\n")
}

func completeFish(w io.Writer, all []*kong.Node) {
	fmt.Fprint(w, "# Completions of rostrum for fish.\nfunction __rostrum_at\n\tset -l at\n\tfor word in (commandline -opc)[2..-1]\n")
	fmt.Fprintf(w, "\t\tif contains -- (string join -- ' ' $at $word) %s\n\t\t\tset -a at $word\n\t\tend\n\tend\n", strings.ReplaceAll(paths(all), "|", " "))
	fmt.Fprint(w, "\ttest (string join -- ' ' $at) = \"$argv\"\nend\n")
	for _, n := range all {
		at := "-n " + quoteFish("__rostrum_at "+completedPath(n))
		for _, child := range n.Children {
			if !child.Hidden {
				fmt.Fprintf(w, "complete -c rostrum -f %s -a %s -d %s\n", at, child.Name, quoteFish(child.Help))
			}
		}
		for _, f := range completedFlags(n) {
			value := ""
			if f.Enum != "" {
				value = " -x -a " + quoteFish(strings.Join(f.EnumSlice(), " "))
			} else if !f.IsBool() {
				value = " -r"
			}
			fmt.Fprintf(w, "complete -c rostrum %s -l %s%s -d %s\n", at, f.Name, value, quoteFish(f.Help))
		}
	}
}

// quoteFish quotes text as one word of fish.
func quoteFish(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
