package settings_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ordertally/shared/settings"
)

// completed is a program whose command line is completed.
type completed struct {
	Place struct {
		File   string `arg:"" optional:""`
		Form   string `name:"output" short:"o" enum:"table,json" default:"table" help:"How it is written: so."`
		Quiet  bool   `short:"q"`
		Target string `placeholder:"URL"`
		Log    string `name:"log-file" placeholder:"FILE"`
	} `cmd:"" help:"Place an order. Or two."`
	Keys struct {
		New struct{} `cmd:"" help:"Make a key."`
		Ls  struct{} `cmd:""`
	} `cmd:""`
	Hidden     struct{}            `cmd:"" hidden:""`
	Completion settings.Completion `cmd:""`
}

// answer is what the program prints.
func answer(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	program := settings.Program{Name: "shop", EnvPrefix: "SHOP", Stdout: &out,
		LookupEnv: func(string) (string, bool) { return "", false }}
	ctx, err := program.Parse(&completed{}, args)
	if err == nil {
		err = ctx.Run()
	}
	if err != nil && !errors.Is(err, settings.ErrAnswered) {
		t.Fatal(err)
	}
	return out.String()
}

func TestCompletion_KnowsVerbsFlagsAndValues(t *testing.T) {
	for line, want := range map[string]string{
		"":                    "place keys completion",
		"pl":                  "place",
		"keys ":               "new ls",
		"--q":                 "",
		"place --":            "--config --help --log-file --output --quiet --target --version",
		"place --o":           "--output",
		"place ":              ":files",
		"place a ":            "",
		"place -o ":           "table json",
		"place --output j":    "json",
		"place --output=":     "--output=table --output=json",
		"place --output=j":    "--output=json",
		"place --output = ":   "table json", // as bash takes it apart
		"place --output = j":  "json",
		"place --quiet ":      ":files",
		"place -q --target ":  "",
		"place --log-file ":   ":files",
		"place --config x --": "--config --help --log-file --output --quiet --target --version",
		"completion f":        "fish",
	} {
		var got []string
		for line := range strings.Lines(answer(t, append([]string{"__complete"}, strings.Split(line, " ")...)...)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			got = append(got, word)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%q: %q, want %q", line, text, want)
		}
	}
	if text := answer(t, "__complete", "pl"); text != "place\tPlace an order\n" {
		t.Errorf("%q", text)
	}
}

// TestCompletion_WorksInEachShell completes lines in the shells that there are. The others' scripts are only looked at.
func TestCompletion_WorksInEachShell(t *testing.T) {
	dir := t.TempDir()
	program := "#!/bin/sh\n[ \"$1\" = __complete ] || exit 1\nshift\nprintf '%s|' \"$@\" >>\"" + dir + "/asked\"\n" +
		"printf 'place\\tPlace an order\\nplace:all\\n'\n"
	if err := os.WriteFile(filepath.Join(dir, "shop"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	for shell, ask := range map[string]string{
		"bash": `COMP_WORDS=(shop keys --output = "a b" p); COMP_CWORD=5; _shop_complete; ` +
			`printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh": `_describe() { print -l $candidates }; words=(shop keys --output=a\ b p); CURRENT=4; ` +
			`_shop`,
		"fish": `complete -C "shop keys --output=a\ b p"`,
	} {
		script := filepath.Join(dir, shell+".script")
		if err := os.WriteFile(script, []byte(answer(t, "completion", shell)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath(shell); err != nil {
			text := answer(t, "completion", shell)
			if strings.Contains(text, "PROGRAM") || !strings.Contains(text, "__complete") {
				t.Errorf("%s: %s", shell, text)
			}
			continue
		}
		args := map[string][]string{"bash": {"--norc"}, "zsh": {"-f"}, "fish": {"--no-config"}}[shell]
		source := "compdef() { :; }; . "
		if shell != "zsh" {
			source = ". "
		}
		command := exec.CommandContext(t.Context(), shell, append(args, "-c", source+script+"\n"+ask)...)
		command.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir)
		said, err := command.CombinedOutput()
		asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
		_ = os.Remove(filepath.Join(dir, "asked"))
		if err != nil || !strings.Contains(string(said), "place") ||
			!slices.Contains([]string{"keys|--output=a b|p|", "keys|--output|=|a b|p|"}, string(asked)) {
			t.Errorf("%s: %v, asked %q, said %s", shell, err, asked, said)
		}
	}
}
