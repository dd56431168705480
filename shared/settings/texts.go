package settings

import (
	"reflect"

	"github.com/alecthomas/kong"

	"ordertally/shared/text/fieldtext"
)

// takeTexts gives the flags, arguments and verbs of a command line their help: the comments of the fields of clis,
// which are pointers to structures.
func takeTexts(node *kong.Node, clis ...any) error {
	texts := make(map[any]string) // keyed by the pointer to a field
	for _, cli := range clis {
		collectTexts(reflect.ValueOf(cli).Elem(), texts)
	}
	return kong.Visit(node, func(visited kong.Visitable, next kong.Next) error {
		switch v := visited.(type) {
		case *kong.Value:
			if text := texts[v.Target.Addr().Interface()]; text != "" {
				v.Help, v.OrigHelp = text, text
			}
		case *kong.Node:
			if text := texts[v.Target.Addr().Interface()]; text != "" {
				v.Help = text
			}
		}
		return next(nil)
	})
}

func collectTexts(config reflect.Value, into map[any]string) {
	for i := range config.NumField() {
		about, field := config.Type().Field(i), config.Field(i)
		if field.Kind() == reflect.Struct && (about.IsExported() || about.Anonymous) {
			collectTexts(field, into)
		}
		if about.IsExported() {
			into[field.Addr().Interface()] = textOf(config.Type(), about)
		}
	}
}

// textOf returns the text of a field. Structures in tests are not in the table. They have kong's tag.
func textOf(config reflect.Type, field reflect.StructField) string {
	if text := fieldtext.Of(config, field.Name).Says; text != "" {
		return text
	}
	return field.Tag.Get("help")
}
