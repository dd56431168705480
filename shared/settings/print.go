package settings

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// Print is what `config print` prints: the settings of a command with where each came from. It is embedded in that command.
type Print struct {
	Output string `default:"table" enum:"table,yaml,markdown" help:"Form: ${enum}. The second can be used as a settings file." name:"output" short:"o"`
}

// Print writes the settings to w.
func (p *Print) Print(w io.Writer, sources *Sources, ctx *kong.Context) error {
	values := sources.Values(ctx, "output")
	switch p.Output {
	case "yaml":
		return printYAML(w, values)
	case "markdown":
		return printMarkdown(w, values)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SETTING\tVALUE\tFROM") // an error comes with Flush
	for _, v := range values {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", v.Name, strings.ReplaceAll(v.Text, "\n", " "), v.Source)
	}
	return table.Flush()
}

func printYAML(w io.Writer, values []Value) error {
	for _, v := range values {
		if v.Text == "" {
			continue // as if it were not there
		}
		scalar, err := yaml.Marshal(v.Text)
		if err != nil {
			return fmt.Errorf("write %s as YAML: %w", v.Name, err)
		}
		if _, err := fmt.Fprintf(w, "# from %s\n%s: %s", v.Source, v.Name, scalar); err != nil {
			return err
		}
	}
	return nil
}

func printMarkdown(w io.Writer, values []Value) error {
	if _, err := fmt.Fprint(w, "| flag | environment | default | meaning |\n|---|---|---|---|\n"); err != nil {
		return err
	}
	for _, v := range values {
		_, err := fmt.Fprintf(w, "| `--%s` | `%s` | %s | %s |\n", v.Name, v.Env, v.Default, strings.ReplaceAll(v.Help, "|", `\|`))
		if err != nil {
			return err
		}
	}
	return nil
}
