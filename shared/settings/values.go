package settings

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"ordertally/shared/settings/secret"
)

// Value is one setting of a command, as it is in force.
type Value struct {
	Name    string // of the flag, and of the key in the file
	Env     string // of the variable; "" if it counts on the command line alone
	Text    string // the value in force, as given to the flag; a URL as secret.URL shows it
	Default string // as given to the flag
	Allowed string // the values that it may have, for people to read; "" for any
	Help    string
	Source  string // "default", "--name", "$NAME" or "FILE:LINE"
}

// Sources knows where the settings of the requested command came from. A command's Run method may take a *Sources.
type Sources struct{ source *source }

// Typed reports whether the flag is on the command line.
func (s *Sources) Typed(ctx *kong.Context, name string) bool {
	for _, p := range ctx.Path {
		if p.Flag != nil && p.Flag.Name == name && !p.Resolved {
			return true
		}
	}
	return false
}

// Values returns the settings of the command that ctx asks for, in the order of --help, without those in except.
func (s *Sources) Values(ctx *kong.Context, except ...string) []Value {
	skip := map[string]bool{"help": true, "version": true, "config": true}
	for _, name := range except {
		skip[name] = true
	}
	var values []Value
	for _, flag := range ctx.Selected().Flags {
		if !skip[flag.Name] {
			values = append(values, s.value(ctx, flag))
		}
	}
	return values
}

// config returns --config itself.
func (s *Sources) config(ctx *kong.Context) Value { return s.value(ctx, s.source.config) }

func (s *Sources) value(ctx *kong.Context, flag *kong.Flag) Value {
	v := s.source.describe(flag)
	v.Text, v.Source = text(ctx.FlagValue(flag)), "default"
	if flag.Tag.Has("yaml") {
		v.Text = strings.TrimLeft(v.Text, "\n") // they only keep the line numbers of the file
	}
	if flag.PlaceHolder == "URL" {
		v.Text = secret.URL(v.Text)
	}
	if e, inFile := s.source.file[flag.Name]; inFile && v.Env != "" {
		v.Source = e.path + ":" + strconv.Itoa(e.line)
	}
	if set, _ := s.source.env(flag.Name); set != "" && v.Env != "" {
		v.Source = "$" + v.Env
	}
	for _, p := range ctx.Path {
		if p.Flag == flag && !p.Resolved {
			v.Source = "--" + flag.Name
		}
	}
	return v
}

// describe returns what is known about a flag besides its value.
func (s *source) describe(flag *kong.Flag) Value {
	v := Value{
		Name: flag.Name, Env: s.envOf(flag), Default: flag.Default,
		Allowed: parseAllowed(flag.Tag.Get).String(), Help: strings.TrimSuffix(flag.OrigHelp, "."),
	}
	if v.Default == "" && flag.Target.Kind() != reflect.String && !flag.IsSlice() {
		v.Default = text(reflect.Zero(flag.Target.Type()).Interface())
	}
	return v
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
