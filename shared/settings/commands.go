package settings

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// documentCommands writes all verbs of a program as markdown: what each does, its examples, arguments and flags. What
// reaches a service, and the settings of whole services, are in the page of settings.
func (s *source) documentCommands(w io.Writer, program *kong.Node) error {
	var text strings.Builder
	fmt.Fprintf(&text, "## %s\n", program.Name)
	for _, verb := range program.Leaves(true) {
		fmt.Fprintf(&text, "\n### %s\n\n    %s %s\n\n%s", verb.FullPath(), program.Name, verb.Summary(), verb.Help)
		detail, examples, _ := strings.Cut(verb.Detail, "Examples:\n")
		if detail = strings.TrimSpace(detail); detail != "" {
			text.WriteString(" " + detail)
		}
		text.WriteString("\n")
		if examples != "" {
			text.WriteString("\n" + strings.TrimPrefix(examples, "\n") + "\n")
		}
		s.documentFlags(&text, verb)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// mostSettings is how many settings a verb lists. Verbs with more run or check whole services.
const mostSettings = 24

func (s *source) documentFlags(text *strings.Builder, verb *kong.Node) {
	var rows []row
	for _, argument := range verb.Positional {
		rows = append(rows, row{flag: "`" + argument.Summary() + "`", preset: argument.Default,
			allowed: strings.ReplaceAll(argument.Enum, ",", ", "), help: strings.TrimSuffix(argument.Help, ".")})
	}
	var typed, settings []row
	for _, flag := range verb.Flags {
		switch r := s.row(flag); {
		case flag.Group != nil, flag.Hidden, flag.Name == "target": // said above for all
		case r.env == "":
			typed = append(typed, r)
		default:
			settings = append(settings, r)
		}
	}
	rows = append(rows, typed...)
	if len(settings) <= mostSettings {
		rows = append(rows, settings...)
	}
	if len(rows) > 0 {
		text.WriteString("\n| argument, flag | default | allowed | meaning |\n|---|---|---|---|\n")
	}
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(text, "| %s | %s | %s | %s |\n", r.flag, cell(r.preset), cell(r.allowed), cell(r.help))
	}
	if len(settings) > mostSettings {
		text.WriteString("\nIts other flags are [settings](settings.md).\n")
	}
}
