package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

// manualCommand writes a manual page for each command, made from the declarations of the
// commands and their flags.
type manualCommand struct {
	Folder string `arg:"" type:"path" help:"Where to write the pages."`
}

// Run writes rostrum.1, rostrum-serve.1 and so on.
func (c *manualCommand) Run(app *kong.Kong) error {
	if err := os.MkdirAll(c.Folder, 0o755); err != nil {
		return err
	}
	for _, n := range allCommands(app.Model.Node) {
		page := new(strings.Builder)
		writeManual(page, n)
		if err := os.WriteFile(filepath.Join(c.Folder, manualName(n)+".1"), []byte(page.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func manualName(n *kong.Node) string {
	return strings.TrimSuffix("rostrum-"+strings.ReplaceAll(completedPath(n), " ", "-"), "-")
}

func writeManual(w io.Writer, n *kong.Node) {
	fmt.Fprintf(w, ".TH %s 1\n.SH NAME\n%s \\- %s\n", strings.ToUpper(manualName(n)), roff(manualName(n)), roff(strings.TrimSuffix(n.Help, ".")))
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B rostrum\n%s\n", roff(strings.TrimPrefix(n.Summary(), "rostrum ")))
	if len(n.Positional) > 0 {
		fmt.Fprint(w, ".SH ARGUMENTS\n")
	}
	for _, a := range n.Positional {
		fmt.Fprintf(w, ".TP\n.I %s\n%s\n", roff(a.Name), roff(a.Help))
	}
	if len(n.Children) > 0 {
		fmt.Fprint(w, ".SH COMMANDS\n")
	}
	for _, child := range n.Children {
		if !child.Hidden {
			fmt.Fprintf(w, ".TP\n.BR %s (1)\n%s\n", roff(manualName(child)), roff(child.Help))
		}
	}
	writeFlags(w, n)
	if n.Type == kong.ApplicationNode {
		fmt.Fprint(w, manualEnd)
	}
}

// writeFlags writes the flags in the order of their declaration, under the names of their groups.
func writeFlags(w io.Writer, n *kong.Node) {
	group := ""
	for _, f := range completedFlags(n) {
		title := "Options"
		if f.Group != nil {
			title = f.Group.Title
		}
		if title != group {
			fmt.Fprintf(w, ".SH %s\n", strings.ToUpper(roff(title)))
			group = title
		}
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(f.String()), roff(f.Help))
	}
	if len(settings(n)) > 0 {
		fmt.Fprint(w, ".SH ENVIRONMENT\nA setting such as\n.B \\-\\-data\\-dir\nis also read from the variable\n.BR ROSTRUM_DATA_DIR ,\nand from the key data_dir of the file that\n.B \\-\\-config\nnames. A flag wins over the variable, and that over the file.\n")
	}
}

const manualEnd = `.SH EXIT STATUS
0 is success, 1 a failure, 2 a command line, environment or configuration that is not valid,
3 a token or key that was refused.
`

// roff escapes text for a line of a manual page.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
