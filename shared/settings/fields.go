package settings

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// field is one setting of a configuration.
type field struct {
	name    string // including the prefixes of its groups
	preset  string // the default as text, or ""
	tag     reflect.StructTag
	value   reflect.Value
	allowed allowed
}

// A Group is a structure of settings with rules that tags cannot express, such as two settings that need each other.
// Complete calls it with the prefix of the group's names. (Kong itself calls a Validate without a prefix.)
type Group interface {
	Validate(prefix string) error
}

// Fill gives each zero setting of config, a pointer to a structure, its default. A zero that the setting's range names
// stays, and so does false, because both are values.
func Fill(config any) {
	for _, f := range fieldsOf(config) {
		if f.preset == "" || !f.value.IsZero() || f.value.Kind() == reflect.Bool || f.allowed.has(f.value) {
			continue
		}
		if err := set(f.value, f.preset); err != nil {
			panic(fmt.Sprintf("the default of setting %s: %v", f.name, err))
		}
	}
}

// Complete fills in the settings of config, a pointer to a structure, as Fill does. It returns everything that is wrong
// with them, one error per line. The prefix is put before their names.
func Complete(config any, prefix string) error {
	Fill(config)
	var errs []error
	walk(reflect.ValueOf(config).Elem(), prefix, nil, func(f field) {
		for _, err := range each(f.check()) {
			errs = append(errs, fmt.Errorf("%s: %w", f.name, err))
		}
	}, func(group Group, prefix string) {
		errs = append(errs, group.Validate(prefix))
	})
	return errors.Join(errs...)
}

// Vars returns the defaults of config's settings as kong's variables, for other commands with the same flag: ops_listen
// for the setting ops-listen.
func Vars(config any) map[string]string {
	vars := make(map[string]string)
	for _, f := range fieldsOf(config) {
		vars[strings.ReplaceAll(f.name, "-", "_")] = f.preset
	}
	return vars
}

func fieldsOf(config any) (all []field) {
	walk(reflect.ValueOf(config).Elem(), "", nil, func(f field) { all = append(all, f) }, func(Group, string) {})
	return all
}

var variable = regexp.MustCompile(`set:"(\w+)=([^"]*)"`)

// walk visits the settings of a structure, then the structure itself if it is a Group. vars come from kong's tag "set"
// and apply to the groups below it.
func walk(config reflect.Value, prefix string, vars map[string]string, visit func(field), end func(Group, string)) {
	for i := range config.NumField() {
		about, value := config.Type().Field(i), config.Field(i)
		_, embedded := about.Tag.Lookup("embed")
		name, named := about.Tag.Lookup("name")
		switch {
		case embedded || about.Anonymous && value.Kind() == reflect.Struct:
			inner := make(map[string]string)
			for _, found := range variable.FindAllStringSubmatch(string(about.Tag), -1) {
				inner[found[1]] = found[2]
			}
			walk(value, prefix+about.Tag.Get("prefix"), inner, visit, end)
		case named && about.Tag.Get("kong") != "-":
			f := field{name: prefix + name, tag: about.Tag, value: value, allowed: parseAllowed(about.Tag.Get)}
			f.preset = os.Expand(about.Tag.Get("default"), func(name string) string { return vars[name] })
			visit(f)
		}
	}
	if !config.CanInterface() {
		return
	}
	if group, ok := config.Addr().Interface().(Group); ok {
		end(group, prefix)
	}
}

func (f *field) check() error {
	if f.tag.Get("check") == "address" {
		values, several := f.value.Interface().([]string)
		if !several {
			values = []string{f.value.String()}
		}
		for _, value := range values {
			if err := CheckHostPort(value); err != nil {
				return err
			}
		}
	}
	if value, ok := f.value.Interface().(interface{ Check() error }); ok {
		return value.Check()
	}
	if f.allowed == nil || f.allowed.has(f.value) {
		return nil
	}
	return errors.New(f.allowed.refuses(f.value))
}

// each returns the errors joined in err, or err alone, or none.
func each(err error) []error {
	if all, several := err.(interface{ Unwrap() []error }); several {
		return all.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// shown returns a value as an error shows it.
func shown(value reflect.Value) string {
	if value.Kind() == reflect.String {
		return strconv.Quote(value.String())
	}
	return fmt.Sprint(value.Interface())
}

// set sets a value from the text of a default or a bound.
func set(value reflect.Value, text string) (err error) {
	switch {
	case value.Type() == reflect.TypeFor[time.Duration]():
		var d time.Duration
		d, err = time.ParseDuration(text)
		value.SetInt(int64(d))
	case value.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		value.SetInt(n)
	case value.CanFloat():
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		value.SetFloat(x)
	case value.Kind() == reflect.Slice:
		value.Set(reflect.ValueOf(strings.Split(text, ",")).Convert(value.Type()))
	default:
		value.SetString(text)
	}
	return err
}
