package settings

import (
	"fmt"
	"io"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"ordertally/shared/text/output"
)

// Print is `config print`: it prints the settings of a command and where each came from. It is embedded in its own
// command, next to the settings of the other one.
type Print struct {
	// Form. yaml can be used as a settings file; markdown documents the settings of all verbs, commands the verbs.
	Output string `default:"table" enum:"table,yaml,markdown,commands" name:"output" short:"o"`
}

// Print writes to w the settings of the command with that name, and those of the environment. As markdown it also
// writes those of the other commands.
func (p *Print) Print(w io.Writer, sources *Sources, ctx *kong.Context, command string) error {
	values := sources.Values(ctx, "output")
	switch p.Output {
	case "yaml":
		return printYAML(w, values, sources.variables(ctx))
	case "markdown":
		return sources.source.document(w, ctx.Model.Node, command)
	case "commands":
		return sources.source.documentCommands(w, ctx.Model.Node)
	}
	table := output.NewTable("SETTING", "VALUE", "FROM")
	for _, v := range append(append([]Value{sources.config(ctx)}, values...), sources.variables(ctx)...) {
		table.Row(v.Name, output.Said(v.Text), output.Said(v.Source))
	}
	return table.Write(w)
}

// printYAML writes the variables as comments, because they are not settings of a file.
func printYAML(w io.Writer, values, variables []Value) error {
	for _, v := range values {
		if v.Text == "" {
			continue // treated as absent
		}
		scalar, err := yaml.Marshal(v.Text)
		if err != nil {
			return fmt.Errorf("write %s as YAML: %w", v.Name, err)
		}
		if _, err := fmt.Fprintf(w, "# from %s\n%s: %s", v.Source, v.Name, scalar); err != nil {
			return err
		}
	}
	for _, v := range variables {
		if _, err := fmt.Fprintf(w, "# %s is %q, from %s\n", v.Name, v.Text, v.Source); err != nil {
			return err
		}
	}
	return nil
}
