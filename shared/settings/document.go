package settings

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// row is a setting in a table of the documentation.
type row struct {
	flag, env, preset, allowed, help string

	verbs []string // the verbs that have it, for the table of several
}

// document writes two tables of all settings of a program as markdown. The first has the settings of that command, the
// second those of all other verbs.
func (s *source) document(w io.Writer, program *kong.Node, command string) error {
	main := findChild(program, command)
	if main == nil {
		return fmt.Errorf("no command %s to document", command)
	}
	own := []row{s.row(s.config)}
	for _, flag := range main.Flags {
		own = append(own, s.row(flag))
	}
	others := s.others(program, main, own)
	for _, v := range s.program.Variables {
		r := row{env: v.Env, help: v.Help}
		if v.File != "" && !hasFlag(main, v.File) {
			others = append(others, r)
		} else {
			own = append(own, r)
		}
	}
	err := writeTable(w, program.Name+" "+command, "", own)
	if err == nil && len(others) > 0 {
		_, err = fmt.Fprintln(w)
		if err == nil {
			err = writeTable(w, "The other verbs of "+program.Name, "verbs", others)
		}
	}
	return err
}

// others are the settings of all verbs but one, each with its verbs. A setting that equals one in the rows of that verb
// is left out.
func (s *source) others(program, but *kong.Node, known []row) (rows []row) {
	at := make(map[string]int, len(known)) // keyed by the whole content of a row
	for _, r := range known {
		at[r.key()] = -1
	}
	for _, verb := range program.Leaves(true) {
		if verb == but {
			continue
		}
		for _, flag := range verb.Flags {
			r := s.row(flag)
			if r.env == "" {
				continue // of this verb alone
			}
			i, met := at[r.key()]
			if !met {
				i = len(rows)
				at[r.key()], rows = i, append(rows, r)
			}
			if i >= 0 {
				rows[i].verbs = append(rows[i].verbs, verbName(verb))
			}
		}
	}
	for i := range rows {
		rows[i].verbs = grouped(program, rows[i].verbs)
	}
	return rows
}

// grouped replaces all verbs of a group with its name: outbox for outbox ls, outbox show and so on.
func grouped(program *kong.Node, verbs []string) []string {
	for _, group := range program.Children {
		var names []string
		for _, verb := range group.Leaves(true) {
			names = append(names, verbName(verb))
		}
		missing := slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(verbs, name) })
		if len(names) < 2 || missing {
			continue
		}
		first := slices.Index(verbs, names[0])
		verbs[first] = group.Name
		verbs = slices.DeleteFunc(verbs, func(name string) bool { return slices.Contains(names, name) })
	}
	return verbs
}

func (s *source) row(flag *kong.Flag) row {
	v := s.describe(flag)
	r := row{flag: "`--" + v.Name + "`", env: v.Env, preset: v.Default, allowed: v.Allowed, help: v.Help}
	if flag.Short != 0 {
		r.flag += ", `-" + string(flag.Short) + "`"
	}
	if flag.Required {
		r.preset = "(must be given)"
	}
	return r
}

func (r *row) key() string {
	return strings.Join([]string{r.flag, r.preset, r.allowed, r.help}, "\x00")
}

// writeTable writes a table with its heading. last is the title of the column with the verbs, "" for no such column.
func writeTable(w io.Writer, heading, last string, rows []row) error {
	columns := []string{"flag", "environment", "default", "allowed", "meaning"}
	if last != "" {
		columns = append(columns, last)
	}
	var text strings.Builder
	line := func(cells ...string) { text.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	fmt.Fprintf(&text, "## %s\n\n", heading)
	line(columns...)
	text.WriteString(strings.Repeat("|---", len(columns)) + "|\n")
	for i := range rows {
		r := &rows[i]
		cells := []string{r.flag, "`" + r.env + "`", cell(r.preset), cell(r.allowed), cell(r.help)}
		if last != "" {
			cells = append(cells, strings.Join(r.verbs, ", "))
		}
		line(cells...)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func findChild(program *kong.Node, name string) *kong.Node {
	for _, child := range program.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

func hasFlag(command *kong.Node, name string) bool {
	for _, flag := range command.Flags {
		if flag.Name == name {
			return true
		}
	}
	return false
}

// verbName returns the verb as typed, without the program: outbox ls.
func verbName(verb *kong.Node) string {
	name := verb.Name
	for node := verb.Parent; node != nil && node.Parent != nil; node = node.Parent {
		name = node.Name + " " + name
	}
	return name
}
