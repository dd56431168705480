package settings

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// source is the environment and the file as one kong resolver. Kong asks it for each flag that the command line did not
// set. (With kong's own handling of variables, any resolver would override them.)
type source struct {
	program Program
	config  *kong.Flag              // --config
	flags   map[*kong.Flag]struct{} // those that the environment and the file may give
	nested  []string                // the names of those with a YAML value: the flag has the tag yaml

	loaded bool
	file   map[string]entry
}

// takeFlags notes the settings among the flags of all commands.
//
// The flags of a whole service are settings, wherever a command has one of their names. So is what reaches a running
// service: a flag in a group, or with the tag setting. Any other flag says what one command is to do, such as a filter
// or a reason. It counts on the command line alone: a variable that was set for something else must not change what is
// listed or discarded. The tag typed makes such a flag of one with a service's name.
func (s *source) takeFlags(model *kong.Application) error {
	s.flags = make(map[*kong.Flag]struct{})
	ofServices := make(map[string]bool)
	for _, node := range model.Leaves(false) {
		for _, flag := range node.Flags {
			ofServices[flag.Name] = ofServices[flag.Name] || node.Tag.Get("checks") == "itself" &&
				!flag.Tag.Has("typed")
		}
	}
	var errs []error
	var visit func(node *kong.Node)
	visit = func(node *kong.Node) {
		for _, flag := range node.Flags {
			if len(flag.Tag.Envs) > 0 {
				errs = append(errs, fmt.Errorf("--%s has an env tag", flag.Name))
			}
			if err := checkDefault(flag); err != nil {
				errs = append(errs, err)
			}
			switch isSetting := ofServices[flag.Name] || flag.Group != nil || flag.Tag.Has("setting"); {
			case flag.Name == "config":
				s.config = flag
			case flag.Name == "help", flag.Name == "version", flag.Tag.Has("typed"), !isSetting:
			default:
				s.flags[flag] = struct{}{}
				if flag.Tag.Has("yaml") {
					s.nested = append(s.nested, flag.Name)
				}
			}
		}
		for _, child := range node.Children {
			visit(child)
		}
	}
	visit(model.Node)
	return errors.Join(errs...)
}

// checkDefault refuses a default outside the setting's own range.
func checkDefault(flag *kong.Flag) error {
	allowed := parseAllowed(flag.Tag.Get)
	if !flag.Tag.Has("range") {
		return nil
	}
	preset := reflect.New(flag.Target.Type()).Elem()
	if flag.HasDefault {
		if err := set(preset, flag.Default); err != nil {
			return fmt.Errorf("--%s: the default: %w", flag.Name, err)
		}
	}
	if !allowed.has(preset) {
		return fmt.Errorf("--%s: the default %s", flag.Name, allowed.refuses(preset))
	}
	return nil
}

// refuseOutside refuses values outside their ranges. A command with the tag checks:"itself" finds them together with
// what else is wrong with its settings. Of that one only zeros are refused: they were given, because the default is in
// the range, and Fill would take them for fields that were left out.
func refuseOutside(ctx *kong.Context) error {
	var errs []error
	itself := ctx.Selected() != nil && ctx.Selected().Tag.Get("checks") == "itself"
	for _, flag := range ctx.Flags() {
		value := reflect.ValueOf(ctx.FlagValue(flag))
		if !flag.Tag.Has("range") || itself && !value.IsZero() {
			continue
		}
		if allowed := parseAllowed(flag.Tag.Get); !allowed.has(value) {
			errs = append(errs, fmt.Errorf("--%s: %s", flag.Name, allowed.refuses(value)))
		}
	}
	return errors.Join(errs...)
}

// Validate does nothing, because keys were checked when the file was read.
func (s *source) Validate(*kong.Application) error { return nil }

// envOf returns the variable of a flag, or "" for flags that no variable gives.
func (s *source) envOf(flag *kong.Flag) string {
	if _, is := s.flags[flag]; !is && flag != s.config {
		return ""
	}
	return s.program.envName(flag.Name)
}

// names are the keys that a file may have.
func (s *source) names() []string {
	names := make(map[string]struct{})
	for flag := range s.flags {
		names[flag.Name] = struct{}{}
	}
	return slices.Sorted(maps.Keys(names))
}

// Resolve returns the flag's value from the environment or the file, or nil when neither has it.
func (s *source) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if _, is := s.flags[flag]; !is {
		return nil, nil
	}
	if text, name := s.env(flag.Name); text != "" {
		if err := try(flag, text); err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", name, err)
		}
		return text, nil
	}
	e, ok := s.file[flag.Name]
	if !ok {
		return nil, nil
	}
	value, err := e.valueFor(flag)
	if err == nil {
		err = try(flag, value)
	}
	if err != nil {
		return nil, e.errorf("%w", err)
	}
	return value, nil
}

func (s *source) env(flag string) (text, name string) {
	name = s.program.envName(flag)
	text, _ = s.program.LookupEnv(name)
	return text, name
}

// load reads the file that --config or its variable names. It is a kong hook. Kong calls it once for each part of the
// command line, before it resolves any flag.
func (s *source) load(ctx *kong.Context) error {
	if s.loaded {
		return nil
	}
	s.loaded = true
	path, _ := s.env(s.config.Name)
	for _, p := range ctx.Path {
		if p.Flag == s.config {
			path = ctx.Value(p).String()
		}
	}
	if path == "" {
		return nil
	}
	var err error
	s.file, err = readFile(path, s.names(), s.nested)
	return err
}

// valueFor returns what kong is given: a text or a list.
func (e entry) valueFor(flag *kong.Flag) (any, error) {
	if e.list == nil {
		return e.text, nil
	}
	if !flag.IsSlice() {
		return nil, errors.New("is a list, but the setting takes one value")
	}
	elem := flag.Target.Type().Elem()
	textual := elem.Kind() == reflect.String ||
		reflect.PointerTo(elem).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	if textual && flag.Tag.Type == "" {
		list := make([]any, len(e.list)) // taken literally, commas and all
		for i, text := range e.list {
			list[i] = text
		}
		return list, nil
	}
	return strings.Join(e.list, string(flag.Tag.Sep)), nil
}

// try decodes value as kong will, so that the error can name the source of the value.
func try(flag *kong.Flag, value any) error {
	target := reflect.New(flag.Target.Type()).Elem()
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
	}
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	return flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, target)
}
