package settings

import (
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"ordertally/shared/settings/secret"
)

// Variable is a setting that is not a flag. It may be a secret, which others on the machine would see on a command
// line. Or it belongs to somebody else, such as those of OpenTelemetry. The program reads it itself. It is declared
// here to be printed and documented with the others.
type Variable struct {
	Env    string // its full name: ORDER_API_KEY
	File   string // the flag that names a file with it, which wins over the variable; or ""
	Help   string
	Secret bool // shown as secret.Redacted
	URL    bool // shown without a password in it
}

// name returns the setting's name in the style of flags.
func (v Variable) name() string {
	if v.File != "" {
		return strings.TrimSuffix(v.File, "-file")
	}
	return v.Env
}

// variables returns the variables that are set.
func (s *Sources) variables(ctx *kong.Context) (set []Value) {
	for _, v := range s.source.program.Variables {
		value := Value{Name: v.name(), Env: v.Env, Help: v.Help}
		value.Text, _ = s.source.program.LookupEnv(v.Env)
		if value.Source = "$" + v.Env; v.File != "" {
			if path := s.textOf(ctx, v.File); path != "" {
				value.Text, value.Source = "", path // no need to read the file to say that it holds a secret
			}
		}
		if value.Text == "" && value.Source == "$"+v.Env {
			continue
		}
		switch {
		case v.Secret:
			value.Text = secret.Redacted
		case v.URL:
			value.Text = secret.URL(value.Text)
		}
		set = append(set, value)
	}
	return set
}

// textOf returns the value of that flag. If the command does not have the flag, its variable and the file decide.
func (s *Sources) textOf(ctx *kong.Context, name string) string {
	for _, flag := range ctx.Selected().Flags {
		if flag.Name == name {
			return text(ctx.FlagValue(flag))
		}
	}
	if set, _ := s.source.env(name); set != "" {
		return set
	}
	return s.source.file[name].text
}

// secrets visits the secrets among the fields of a command line. They have type secret.Text, a name for the variable,
// and kong:"-", because a flag would show them to others on the machine. A flag with the same name and -file may name a
// file with the secret.
func (p Program) secrets(config reflect.Value, prefix string, visit func(Variable, reflect.Value)) {
	for i := range config.NumField() {
		about := config.Type().Field(i)
		_, embedded := about.Tag.Lookup("embed")
		_, command := about.Tag.Lookup("cmd")
		name := prefix + about.Tag.Get("name")
		if about.IsExported() && about.Type == reflect.TypeFor[secret.Text]() && name != prefix {
			v := Variable{Env: p.envName(name), File: name + "-file", Secret: true}
			v.Help = strings.TrimSuffix(textOf(config.Type(), about), ".")
			visit(v, config.Field(i))
		} else if embedded || command || about.Anonymous && about.Type.Kind() == reflect.Struct {
			p.secrets(config.Field(i), prefix+about.Tag.Get("prefix"), visit)
		}
	}
}

// takeSecrets fills the secrets of a command line from their variables, and declares the variables.
func (p *Program) takeSecrets(cli any) {
	var found []Variable
	p.secrets(reflect.ValueOf(cli).Elem(), "", func(v Variable, into reflect.Value) {
		text, _ := p.LookupEnv(v.Env)
		into.Set(reflect.ValueOf(secret.New(text)))
		if !slices.Contains(found, v) {
			found = append(found, v)
		}
	})
	p.Variables = append(found, p.Variables...)
}
