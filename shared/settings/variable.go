package settings

import (
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"ordertally/shared/settings/secret"
)

// Variable is a setting that is no flag: a secret, which others on the machine would see on a command line, or a
// variable of somebody else's, such as those of OpenTelemetry. The program reads it itself; it is declared to be
// printed and documented with the others.
type Variable struct {
	Env    string // its whole name: ORDER_API_KEY
	File   string // the flag that names a file with it, which wins over the variable; "" for none
	Help   string
	Secret bool // it is shown as secret.Redacted
	URL    bool // it is shown without the password that may be in it
}

// name is what the setting is called where flags have names.
func (v Variable) name() string {
	if v.File != "" {
		return strings.TrimSuffix(v.File, "-file")
	}
	return v.Env
}

// variables returns those that are set.
func (s *Sources) variables(ctx *kong.Context) (set []Value) {
	for _, v := range s.source.program.Variables {
		value := Value{Name: v.name(), Env: v.Env, Help: v.Help}
		value.Text, _ = s.source.program.LookupEnv(v.Env)
		if value.Source = "$" + v.Env; v.File != "" {
			if path := s.textOf(ctx, v.File); path != "" {
				value.Text, value.Source = "", path // what is in the file need not be read to say that it is a secret
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

// textOf is the setting of that flag, which need not be one of the command's: then its variable and the file tell.
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

// secrets visits the fields of a command line that are secrets: of type secret.Text, with a name for the variable and
// kong:"-", because a flag would show them to others on the machine. Each may also be in the file that the flag of the
// same name with -file names.
func (p Program) secrets(config reflect.Value, prefix string, visit func(Variable, reflect.Value)) {
	for i := range config.NumField() {
		about := config.Type().Field(i)
		_, embedded := about.Tag.Lookup("embed")
		_, command := about.Tag.Lookup("cmd")
		name := prefix + about.Tag.Get("name")
		if about.IsExported() && about.Type == reflect.TypeFor[secret.Text]() && name != prefix {
			v := Variable{Env: p.envName(name), File: name + "-file", Help: about.Tag.Get("help"), Secret: true}
			visit(v, config.Field(i))
		} else if embedded || command || about.Anonymous && about.Type.Kind() == reflect.Struct {
			p.secrets(config.Field(i), prefix+about.Tag.Get("prefix"), visit)
		}
	}
}

// takeSecrets gives the secrets of a command line what their variables hold, and declares the variables.
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
