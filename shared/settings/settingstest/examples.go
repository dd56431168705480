// Package settingstest checks what a program's --help says.
package settingstest

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"ordertally/shared/settings"
)

// Examples checks that each verb of a program has examples, and that the program reads each as a command line of that
// verb. cli returns a new structure of the commands. A shell takes the lines apart, but does not run them.
func Examples(t *testing.T, program settings.Program, cli func() any) {
	t.Helper()
	program.LookupEnv = func(string) (string, bool) { return "", false }
	parsed, err := program.Parse(cli(), []string{"completion", "bash"})
	if err != nil {
		t.Fatal(err)
	}
	left := maps.Clone(program.Examples)
	for _, verb := range parsed.Model.Leaves(true) {
		name := strings.TrimPrefix(verb.FullPath(), program.Name+" ")
		if left[name] == "" {
			t.Errorf("%s %s has no example", program.Name, name)
		}
		for line := range strings.Lines(left[name]) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "#") {
				continue
			}
			check(t, program, cli(), name, line)
		}
		delete(left, name)
	}
	for name := range left {
		t.Errorf("examples of %q, which is no verb", name)
	}
}

func check(t *testing.T, program settings.Program, cli any, name, line string) {
	t.Helper()
	words := shellWords(t, program.Name, line)
	if len(words) == 0 {
		t.Errorf("%q does not run %s", line, program.Name)
		return
	}
	// --config names a file that is not here.
	words = slices.DeleteFunc(words, func(word string) bool { return strings.HasSuffix(word, ".yaml") })
	words = slices.DeleteFunc(words, func(word string) bool { return word == "--config" })
	parsed, err := program.Parse(cli, words)
	if err != nil {
		t.Errorf("%q: %v", line, err)
		return
	}
	if is := verbOf(parsed); is != name {
		t.Errorf("%q is an example of %q, not of %q", line, is, name)
	}
}

func verbOf(parsed *kong.Context) string {
	_, name, _ := strings.Cut(parsed.Selected().FullPath(), " ")
	return name
}

// shellWords returns the arguments that bash gives the program.
func shellWords(t *testing.T, program, line string) []string {
	t.Helper()
	// The function takes the program's place. Its words go to descriptor 3, past redirections and pipes of the line.
	script := program + `() { printf '%s\n' "$@" >&3; }; exec 3>&1 4</dev/null; cd "$1"; : >order.json; ` + line +
		` >/dev/null; wait`
	//nolint:gosec // our own examples
	command := exec.CommandContext(t.Context(), "bash", "-c", script, "bash", t.TempDir())
	words, err := command.Output()
	if err != nil && len(words) == 0 {
		t.Errorf("%q: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(words), "\n"), "\n")
}
