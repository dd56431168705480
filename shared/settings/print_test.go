package settings_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"ordertally/shared/settings"
)

// printing is a program with a command to document, a group of others, and `config print`.
type printing struct {
	Serve struct{ served } `checks:"itself" cmd:""`
	Keys  struct {
		New struct {
			Target string `required:"" setting:"" help:"URL."`
			Data   string `default:"order.db" help:"The file, of a service that is stopped."`
		} `cmd:""`
		Ls struct {
			Target     string `required:"" setting:"" help:"URL."`
			APIKeyFile string `help:"File with the key." placeholder:"FILE" setting:""`
		} `cmd:""`
	} `cmd:""`
	Config struct {
		Print printCmd `cmd:""`
	} `cmd:""`
}

type served struct {
	Data         string `default:"order.db" help:"The file."`
	PasswordFile string `help:"File with the password."`
	Issuer       string `help:"Issuer." placeholder:"URL"`

	Wait  time.Duration `default:"5s" range:"0, 1s..1h" help:"How long."`
	Bytes int           `default:"10" range:"1.." unit:"bytes" help:"Most."`
}

type printCmd struct {
	served
	settings.Print
}

func (c *printCmd) Run(sources *settings.Sources, ctx *kong.Context, out *bytes.Buffer) error {
	return c.Print.Print(out, sources, ctx, "serve")
}

// printed is what `config print` says with a file of that text.
func printed(t *testing.T, file string, env map[string]string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "order.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	ctx, err := settings.Program{
		Name: "order", EnvPrefix: "ORDER", Stdout: &bytes.Buffer{},
		LookupEnv: func(name string) (string, bool) { text, ok := env[name]; return text, ok },
		Variables: []settings.Variable{
			{Env: "ORDER_PASSWORD", File: "password-file", Help: "The password", Secret: true},
			{Env: "ORDER_API_KEY", File: "api-key-file", Help: "The key", Secret: true},
			{Env: "OTEL_ENDPOINT", Help: "The collector", URL: true},
		},
		Options: []kong.Option{kong.Bind(&out)},
	}.Parse(&printing{}, append([]string{"config", "print", "--config", path}, args...))
	if err != nil {
		t.Fatal(err)
	}
	if err := ctx.Run(); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out.String(), path, "order.yaml")
}

func TestSecretsArePrintedWithTheirSourceOnly(t *testing.T) {
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte("open-sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	password, key := "password", "api-key"
	for _, tc := range []struct {
		name string
		file string
		env  map[string]string
		args []string
		want map[string]string // "" when the setting is not to be there
	}{
		{"none", "", nil, nil, map[string]string{password: "", key: "", "OTEL_ENDPOINT": ""}},
		{"an empty variable", "", map[string]string{"ORDER_API_KEY": ""}, nil, map[string]string{key: ""}},
		{"variables", "", map[string]string{"ORDER_PASSWORD": "open-sesame", "ORDER_API_KEY": "open-sesame",
			"OTEL_ENDPOINT": "http://x"}, nil,
			map[string]string{password: "[redacted] $ORDER_PASSWORD", key: "[redacted] $ORDER_API_KEY",
				"OTEL_ENDPOINT": "http://x $OTEL_ENDPOINT"}},
		{"files by flag and settings file", "api-key-file: " + secretFile + "\n", nil,
			[]string{"--password-file", secretFile},
			map[string]string{password: "[redacted] " + secretFile, key: "[redacted] " + secretFile}},
		{"a file by variable", "", map[string]string{"ORDER_API_KEY_FILE": secretFile}, nil,
			map[string]string{key: "[redacted] " + secretFile}},
		{"a file wins over a variable", "",
			map[string]string{"ORDER_PASSWORD": "open-sesame", "ORDER_PASSWORD_FILE": secretFile}, nil,
			map[string]string{password: "[redacted] " + secretFile}},
		{"a URL with a password", "", map[string]string{"OTEL_ENDPOINT": "http://me:open-sesame@x:1/y"}, nil,
			map[string]string{"OTEL_ENDPOINT": "http://me:xxxxx@x:1/y $OTEL_ENDPOINT"}},
		{"what is no URL", "", map[string]string{"OTEL_ENDPOINT": "http://me:open sesame@x"}, nil,
			map[string]string{"OTEL_ENDPOINT": "[redacted] $OTEL_ENDPOINT"}},
		{"a flag that is a URL", "issuer: https://me:open-sesame@x\n", nil, nil,
			map[string]string{"issuer": "https://me:xxxxx@x order.yaml:1"}},
		{"the settings file", "", nil, nil, map[string]string{"config": "order.yaml --config"}},
	} {
		rows := map[string]string{}
		for line := range strings.Lines(printed(t, tc.file, tc.env, tc.args...)) {
			fields := strings.Fields(line)
			rows[fields[0]] = strings.Join(fields[1:], " ")
		}
		for name, want := range tc.want {
			if rows[name] != want {
				t.Errorf("%s: %s is %q, want %q", tc.name, name, rows[name], want)
			}
		}
		for _, form := range []string{"table", "yaml", "markdown"} {
			if text := printed(
				t,
				tc.file,
				tc.env,
				append([]string{"-o", form}, tc.args...)...); strings.Contains(
				text,
				"sesame",
			) {
				t.Errorf("%s as %s: %s", tc.name, form, text)
			}
		}
	}
}

func TestTheDocumentationHasEverySetting(t *testing.T) {
	const want = "## order serve\n\n" +
		"| flag | environment | default | allowed | meaning |\n|---|---|---|---|---|\n" +
		"| `--config` | `ORDER_CONFIG` |  |  | Read settings from this YAML file |\n" +
		"| `--data` | `ORDER_DATA` | order.db |  | The file |\n" +
		"| `--password-file` | `ORDER_PASSWORD_FILE` |  |  | File with the password |\n" +
		"| `--issuer` | `ORDER_ISSUER` |  |  | Issuer |\n" +
		"| `--wait` | `ORDER_WAIT` | 5s | 0, or 1s to 1h | How long |\n" +
		"| `--bytes` | `ORDER_BYTES` | 10 | 1 or more bytes | Most |\n" +
		"|  | `ORDER_PASSWORD` |  |  | The password |\n" +
		"|  | `OTEL_ENDPOINT` |  |  | The collector |\n\n" +
		"## The other verbs of order\n\n" +
		"| flag | environment | default | allowed | meaning | verbs |\n|---|---|---|---|---|---|\n" +
		"| `--target` | `ORDER_TARGET` | (must be given) |  | URL | keys |\n" +
		"| `--data` | `ORDER_DATA` | order.db |  | The file, of a service that is stopped | keys new |\n" +
		"| `--api-key-file` | `ORDER_API_KEY_FILE` |  |  | File with the key | keys ls |\n" +
		"|  | `ORDER_API_KEY` |  |  | The key |  |\n"
	if got := printed(t, "data: other.db\n", map[string]string{"ORDER_API_KEY": "x"}, "-o", "markdown"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
