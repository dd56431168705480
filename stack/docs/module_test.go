package docs_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shop is a program of another module that uses what this one offers to others.
const shop = `package main

import (
	"fmt"

	"example.com/you/ordertally/client"
	"example.com/you/ordertally/client/orders"
	"example.com/you/ordertally/client/statistics"
	"example.com/you/ordertally/shared/inbox"
	"example.com/you/ordertally/shared/outbox"
)

func main() {
	shop, err := orders.New(client.Config{URL: "http://127.0.0.1:8080"})
	_, err2 := statistics.New(client.Config{URL: "http://127.0.0.1:8090"})
	fmt.Println(shop != nil, err, err2, outbox.Message{}.ID, inbox.Message{}.Lineage)
}
`

// TestModule_CanBeRenamed renames this module in a clone, and builds a program of another module with it.
func TestModule_CanBeRenamed(t *testing.T) {
	clone := filepath.Join(t.TempDir(), "ordertally")
	copyTree(t, "../..", clone)
	in := func(dir, name string, args ...string) string {
		t.Helper()
		command := exec.Command(name, args...)
		command.Dir = dir
		command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
		}
		return string(output)
	}
	in(clone, "make", "--no-print-directory", "module", "MODULE=example.com/you/ordertally")
	checkRenamed(t, clone)
	// Every import of every file, tests too, is of a package that there is.
	in(clone, "go", "list", "-deps", "-test", "-f", "{{if .Incomplete}}{{.ImportPath}}{{end}}", "./...")

	program := filepath.Join(filepath.Dir(clone), "shop")
	if err := os.Mkdir(program, 0o700); err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(clone, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"main.go": shop,
		"go.mod": "module example.com/shop\n\ngo 1.26.0\n\nrequire example.com/you/ordertally v0.0.0\n\n" +
			"replace example.com/you/ordertally => ../ordertally\n",
		"go.sum": string(sums),
	} {
		if err := os.WriteFile(filepath.Join(program, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in(program, "go", "build", "-o", "shop", ".")
	t.Log(in(program, "./shop"))
}

// checkRenamed looks for the old path in all files, and for names on the wire that must not change.
func checkRenamed(t *testing.T, clone string) {
	t.Helper()
	left := regexp.MustCompile(`(?m)"ordertally/.*|[ \[]ordertally(/(shared|stack|order|activity)\b|\]).*|` +
		`^ *(require|replace) ordertally .*|^module ordertally(/bench)?$|^\tordertally v.*`)
	err := filepath.WalkDir(clone, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) == ".md" &&
			strings.HasSuffix(filepath.Dir(name), "decisions") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, found := range left.FindAll(text, -1) {
			if !strings.HasSuffix(name, "module_test.go") {
				t.Errorf("%s still has %q", name, found)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"shared/event/event.go": `"/ordertally/order"`, "shared/kafka/publisher.go": `"ordertally-order-"`,
		"testdata/order-created/record.json": `"/ordertally/order"`,
	} {
		text, err := os.ReadFile(filepath.Join(clone, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s no longer has %s: %v", name, want, err)
		}
	}
}

// copyTree copies what a clone of the working tree has.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, inside)
		switch {
		case entry.IsDir():
			if inside == ".git" || inside == "bin" || inside == "data" {
				return filepath.SkipDir
			}
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}
