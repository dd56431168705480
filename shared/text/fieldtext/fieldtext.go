// Package fieldtext has the texts of settings and of the members of the APIs, as their doc comments say them.
//
// A program cannot read its own comments. So build/fieldtexts copies those of all structures with tags into a table,
// and `make generate` keeps it up to date. The first paragraph of a comment is the text for users. What follows it is
// for readers of the code. A line that begins with "Example:" is the example of an API's member.
package fieldtext

import (
	"reflect"
	"runtime/debug"
	"strings"
)

// A Text is what the comment of a field says.
type Text struct {
	Says    string // the first paragraph, as one line; "" if there is no comment
	Example string // as in a query or in JSON; "" for none
}

// Of returns the text of a field that is declared in the structure t, and not in one that is embedded there.
func Of(t reflect.Type, field string) Text {
	name, _, _ := strings.Cut(t.Name(), "[") // without type arguments
	return texts[pathOf(t)+"."+name+"."+field]
}

// pathOf returns the import path of t's package. By reflection, that of a program is just "main".
func pathOf(t reflect.Type) string {
	if info, ok := debug.ReadBuildInfo(); ok && t.PkgPath() == "main" {
		return info.Path
	}
	return t.PkgPath()
}
