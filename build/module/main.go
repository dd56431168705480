// Module gives this module another path, everywhere: in go.mod, in imports, in what the tools are told, in documents.
//
//	go run ./build/module example.com/you/ordertally
//
// Names on the wire stay: a renamed program goes on with its files, topics and transactional ids.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "module:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("name the new path: make module MODULE=example.com/you/ordertally")
	}
	renamed := args[0]
	old, err := current()
	if err != nil {
		return err
	}
	// The go command refuses what is no path of a module.
	edit := exec.Command("go", "mod", "edit", "-module", renamed) //nolint:gosec,noctx // the caller's choice
	if output, err := edit.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %s", renamed, bytes.TrimSpace(output))
	}
	changed := 0
	err = filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch name {
			case ".git", "bin", "data":
				return filepath.SkipDir
			}
			return nil
		}
		done, err := rename(name, old, renamed)
		if done {
			changed++
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(os.Stdout, "%s is now %s: go.mod and %d files\n", old, renamed, changed)
	return err
}

// current returns the path in go.mod.
func current() (string, error) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^module (\S+)$`).FindSubmatch(text)
	if found == nil {
		return "", errors.New("go.mod names no module")
	}
	return string(found[1]), nil
}

// rename writes a file anew if it names the module.
func rename(name, old, renamed string) (changed bool, err error) {
	place := placeOf(name, regexp.QuoteMeta(old))
	if place == nil {
		return false, nil
	}
	text, err := os.ReadFile(name) //nolint:gosec // of this tree
	if err != nil {
		return false, err
	}
	replaced := place.ReplaceAll(text, []byte("${before}"+renamed+"${after}"))
	if bytes.Equal(text, replaced) {
		return false, nil
	}
	if strings.HasSuffix(name, ".go") { // where names stand below each other, others are wider now
		if replaced, err = format.Source(replaced); err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		return false, err
	}
	return true, os.WriteFile(name, replaced, info.Mode().Perm())
}

// placeOf returns where a file of that name has the path of the module, nil for files that do not.
func placeOf(name, path string) *regexp.Regexp {
	switch filepath.Ext(name) {
	case ".mod": // of the benchmarks, a module that uses this one; that of this one is changed already
		return regexp.MustCompile(`(?m)(?P<before>^(?:module |replace |\t))` + path + `(?P<after>/bench$| )`)
	case ".go": // imports, and texts that are packages
		return regexp.MustCompile(`(?P<before>")` + path + `(?P<after>/)`)
	case ".yml", ".yaml": // what the linter and the generator of clients are told
		return regexp.MustCompile(`(?P<before>[ \[])` + path + `(?P<after>/|\])`)
	case ".md": // how another module names a checkout
		return regexp.MustCompile(`(?m)(?P<before>^ *(?:require|replace) )` + path + `(?P<after> )`)
	}
	return nil
}
