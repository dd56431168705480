package main

import (
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestTable_RefusesWhatHasNoTextOrTwo(t *testing.T) {
	for fields, want := range map[string]string{
		"// How long.\n//\n// More.\nA int `name:\"a\"`":          "",
		"A int `name:\"a\"` // How long.":                         "",
		"// Of all.\nB int `name:\"b\"`; A int":                   "the setting A needs a comment",
		"A int `name:\"a\"`":                                      "the setting A needs a comment",
		"// How long.\nA int `name:\"a\" help:\"How long.\"`":     "the text of a tag belongs into the comment",
		"// How long.\nA int `json:\"a\" doc:\"How long.\"`":      "the text of a tag belongs into the comment",
		"A int `json:\"a\"`":                                      "",
		"// Of two.\nX int `kong:\"-\"`; C struct{} `embed:\"\"`": "",
	} {
		t.Chdir(t.TempDir())
		text := "package p\n\ntype S struct {\n" + strings.ReplaceAll(fields, "; ", "\n") + "\n}\n"
		if err := os.WriteFile("p.go", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		all := table{}
		err := fs.WalkDir(os.DirFS("."), ".", all.addFile)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", fields, err, want)
		}
		if got := all["ordertally.S.A"][0]; want == "" && got != "" && got != "How long." {
			t.Errorf("%s: %q", fields, got)
		}
	}
}
