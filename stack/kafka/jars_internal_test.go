package kafka

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fakeMaven replaces Maven with a program that records each of its runs and then runs body. $out is the directory to
// fill. It returns the file with one line per run.
func fakeMaven(t *testing.T, body string) (runs string) {
	t.Helper()
	bin := t.TempDir()
	runs = filepath.Join(bin, "runs")
	script(t, bin, "mvn", `
for a in "$@"; do case "$a" in -DoutputDirectory=*) out="${a#*=}";; esac; done
echo run >> "`+runs+`"
mkdir -p "$out"
`+body)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return runs
}

// emptyCache gives the test a user cache directory of its own.
func emptyCache(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("HOME", dir)
}

func script(t *testing.T, dir, name, body string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func countRuns(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "run\n")
}

func TestJars_AreCopiedOnceForAll(t *testing.T) {
	emptyCache(t)
	runs := fakeMaven(t, `echo jar > "$out/a.jar"`)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			classpath, err := Jars(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(classpath), "a.jar")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := countRuns(t, runs); n != 1 {
		t.Fatalf("Maven ran %d times, want once", n)
	}
}

func TestJars_AnInterruptedCopyIsDoneAgain(t *testing.T) {
	emptyCache(t)
	runs := fakeMaven(t, `echo half > "$out/a.jar"; kill -9 $$`)
	if classpath, err := Jars(t.Context()); err == nil {
		t.Fatalf("half a copy is served from %s", classpath)
	}
	if n := countRuns(t, runs); n != 1 {
		t.Fatalf("Maven ran %d times, want once", n)
	}
	fakeMaven(t, `echo whole > "$out/b.jar"`)
	classpath, err := Jars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(classpath), "a.jar")); !os.IsNotExist(err) {
		t.Fatalf("the interrupted copy's file is there: %v", err)
	}
}

func TestJars_MavensOwnWordsAreInTheError(t *testing.T) {
	emptyCache(t)
	fakeMaven(t, `echo "Could not resolve artifact"; exit 1`)
	if _, err := Jars(t.Context()); err == nil || !strings.Contains(err.Error(), "Could not resolve artifact") {
		t.Fatalf("Jars = %v, want what Maven said", err)
	}
}

func TestJars_WaitingForAnotherCopyCanBeGivenUp(t *testing.T) {
	emptyCache(t)
	fakeMaven(t, "exit 0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Jars(ctx); err == nil {
		t.Fatal("a cancelled call copied jars")
	}
}
