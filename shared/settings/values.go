package settings

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// Value is one setting of a command as it is in force.
type Value struct {
	Name    string // of the flag and of the key in the file
	Env     string // of the variable
	Text    string // what is in force, as it would be given to the flag
	Default string // as it would be given
	Help    string
	Source  string // "default", "--name", "$NAME" or "FILE:LINE"
}

// Sources knows where the settings of the command that was asked for came from. A command's Run method may take a *Sources.
type Sources struct{ source *source }

// Values returns the settings of the command that ctx asks for, in the order of --help, but those in except.
func (s *Sources) Values(ctx *kong.Context, except ...string) []Value {
	given := make(map[*kong.Flag]bool)
	for _, p := range ctx.Path {
		if p.Flag != nil && !p.Resolved {
			given[p.Flag] = true
		}
	}
	skip := map[string]bool{"help": true, "version": true, "config": true}
	for _, name := range except {
		skip[name] = true
	}
	var values []Value
	for _, flag := range ctx.Selected().Flags {
		if skip[flag.Name] {
			continue
		}
		v := Value{
			Name: flag.Name, Env: s.source.program.envName(flag.Name), Text: text(ctx.FlagValue(flag)), Default: flag.Default,
			Help: strings.TrimSuffix(strings.ReplaceAll(flag.OrigHelp, "${enum}", strings.ReplaceAll(flag.Enum, ",", ", ")), "."), Source: "default",
		}
		if v.Default == "" && flag.Target.Kind() != reflect.String && !flag.IsSlice() {
			v.Default = text(reflect.Zero(flag.Target.Type()).Interface())
		}
		if e, inFile := s.source.file[flag.Name]; inFile {
			v.Source = e.path + ":" + strconv.Itoa(e.line)
		}
		if set, _ := s.source.env(flag.Name); set != "" {
			v.Source = "$" + v.Env
		}
		if given[flag] {
			v.Source = "--" + flag.Name
		}
		values = append(values, v)
	}
	return values
}

func text(value any) string {
	v := reflect.ValueOf(value)
	if v.IsValid() && v.Kind() == reflect.Slice {
		items := make([]string, v.Len())
		for i := range items {
			items[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return strings.Join(items, ",")
	}
	return fmt.Sprint(value)
}
