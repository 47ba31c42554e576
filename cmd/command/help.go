package command

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// A Group is flags that belong together in the help.
type Group struct {
	Title string
	About string // stands before them; may be empty
	Flags []string
}

// writeHelp tells what the daemon is and what each flag does.
func (d *Daemon) writeHelp(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprint(w, d.Intro)
	for _, g := range d.Groups {
		fmt.Fprintf(w, "\n%s:\n", g.Title)
		if g.About != "" {
			fmt.Fprintln(w, g.About)
		}
		for _, name := range g.Flags {
			f := fs.Lookup(name)
			kind, usage := flag.UnquoteUsage(f)
			if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && !strings.Contains(usage, "(default") {
				usage += " (default: " + f.DefValue + ")"
			}
			fmt.Fprintf(w, "  %-38s %s\n", "--"+name+" "+kind, usage)
		}
	}
}
