package settings

import (
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
