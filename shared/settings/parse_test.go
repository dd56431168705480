package settings_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ordertally/shared/settings"
)

type serve struct {
	OpsListen string        `default:"127.0.0.1:8081" help:"Address of the ops listener."`
	Workers   int           `default:"4" help:"Workers."`
	Retention time.Duration `default:"24h" help:"How long."`
	NoImport  bool          `help:"Import nothing."`
	Kafka     []string      `default:"127.0.0.1:9092" help:"Brokers."`
	Ports     []uint16      `help:"Ports."`
	Backoffs  []time.Duration
	Ratio     *float64
	Output    string `enum:"table,json" default:"table" short:"o"`
}

type cli struct {
	Serve serve `checks:"itself" cmd:"" help:"Run the service."`
	Keys  struct {
		Status  string `help:"Only those."`
		Workers int    `help:"Of this command." typed:""`
		Target  string `required:"" setting:"" help:"URL."`
	} `cmd:"" help:"Keys."`
}

// parse runs the program order with a file of that text ("" is no file).
func parse(t *testing.T, file string, env map[string]string, args ...string) (cli, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "order.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	var c cli
	p := settings.Program{
		Name: "order", Description: "Accepts orders.", EnvPrefix: "ORDER", Version: "1.2.3", Stdout: &bytes.Buffer{},
		LookupEnv: func(name string) (string, bool) { text, ok := env[name]; return text, ok },
	}
	_, err := p.Parse(&c, args)
	return c, err
}

func TestPrecedence(t *testing.T) {
	tests := []struct {
		name                             string // of the setting
		get                              func(serve) any
		flag, env, file                  string // three different values in their notation
		fromFlag, fromEnv, fromFile, def any
	}{
		{"ops-listen", func(s serve) any { return s.OpsListen }, "f:1", "e:1", `"y:1"`, "f:1", "e:1", "y:1",
			"127.0.0.1:8081"},
		{"workers", func(s serve) any { return s.Workers }, "1", "2", "3", 1, 2, 3, 4},
		{"retention", func(s serve) any { return s.Retention }, "1s", "2m", "3h", time.Second, 2 * time.Minute,
			3 * time.Hour, 24 * time.Hour},
		{"no-import", func(s serve) any { return s.NoImport }, "false", "true", "true", false, true, true, false},
		{"kafka", func(s serve) any { return s.Kafka }, "f:1,f:2", "e:1,e:2", "[y:1, 'y:2']",
			[]string{"f:1", "f:2"}, []string{"e:1", "e:2"}, []string{"y:1", "y:2"}, []string{"127.0.0.1:9092"}},
		{"ports", func(s serve) any { return s.Ports }, "1,2", "3", "[4, 5]", []uint16{1, 2}, []uint16{3},
			[]uint16{4, 5}, []uint16(nil)},
		{"backoffs", func(s serve) any { return s.Backoffs }, "1s,2s", "3s", "\n- 4s\n- 5s",
			[]time.Duration{time.Second, 2 * time.Second}, []time.Duration{3 * time.Second},
			[]time.Duration{4 * time.Second, 5 * time.Second}, []time.Duration(nil)},
		{"ratio", func(s serve) any {
			if s.Ratio == nil {
				return nil
			}
			return *s.Ratio
		}, "0.1", "0.2", "3e-1", 0.1, 0.2, 0.3, nil},
		{"output", func(s serve) any { return s.Output }, "table", "json", "json", "table", "json", "json", "table"},
	}
	for _, tc := range tests {
		variable := "ORDER_" + strings.ToUpper(strings.ReplaceAll(tc.name, "-", "_"))
		for given := range 8 { // each of flag, environment, file is there or not
			args, env, file := []string{"serve"}, map[string]string{}, ""
			want := tc.def
			if given&1 != 0 {
				file, want = tc.name+": "+tc.file+"\n", tc.fromFile
			}
			if given&2 != 0 {
				env[variable], want = tc.env, tc.fromEnv
			}
			if given&4 != 0 {
				args, want = append(args, "--"+tc.name+"="+tc.flag), tc.fromFlag
			}
			c, err := parse(t, file, env, args...)
			if err != nil {
				t.Errorf("%s %03b: %v", tc.name, given, err)
			} else if got := tc.get(c.Serve); !reflect.DeepEqual(got, want) {
				t.Errorf("%s %03b: %#v, want %#v", tc.name, given, got, want)
			}
		}
	}
}

func TestEmptyVariableIsNotSet(t *testing.T) {
	c, err := parse(t, "workers: 7\n", map[string]string{"ORDER_WORKERS": "", "ORDER_OPS_LISTEN": "",
		"ORDER_CONFIG": ""}, "serve")
	if err != nil || c.Serve.Workers != 7 || c.Serve.OpsListen != "127.0.0.1:8081" {
		t.Errorf("%+v, %v", c.Serve, err)
	}
	if c, err = parse(t, "", map[string]string{"ORDER_OPS_LISTEN": "x:1"}, "serve", "--ops-listen="); err != nil ||
		c.Serve.OpsListen != "" {
		t.Errorf("an empty flag: %+v, %v", c.Serve, err)
	}
}

func TestRequiredSettingsMayComeFromAnywhere(t *testing.T) {
	if _, err := parse(t, "", nil, "keys"); err == nil || !strings.Contains(err.Error(), "--target") {
		t.Errorf("missing: %v", err)
	}
	for _, got := range []func() (cli, error){
		func() (cli, error) { return parse(t, "target: http://x\n", nil, "keys") },
		func() (cli, error) { return parse(t, "", map[string]string{"ORDER_TARGET": "http://x"}, "keys") },
	} {
		if c, err := got(); err != nil || c.Keys.Target != "http://x" {
			t.Errorf("%+v, %v", c.Keys, err)
		}
	}
}

// What one command is to do is not taken from a variable or a file that was made for something else.
func TestWhatACommandDoesIsTypedOnly(t *testing.T) {
	env := map[string]string{"ORDER_STATUS": "placed", "ORDER_WORKERS": "9", "ORDER_TARGET": "http://x"}
	c, err := parse(t, "workers: 8\n", env, "keys")
	if err != nil || c.Keys.Status != "" || c.Keys.Workers != 0 || c.Keys.Target != "http://x" {
		t.Errorf("%+v, %v", c.Keys, err)
	}
	if c, err = parse(t, "", env, "keys", "--status", "a", "--workers", "7"); err != nil || c.Keys.Status != "a" ||
		c.Keys.Workers != 7 {
		t.Errorf("typed: %+v, %v", c.Keys, err)
	}
	if _, err = parse(t, "status: placed\n", env, "keys"); err == nil ||
		!strings.Contains(err.Error(), "order.yaml:1: status: no such setting") {
		t.Errorf("in a file: %v", err)
	}
	if help := helpOf(t, "keys"); strings.Contains(help, "$ORDER_STATUS") || !strings.Contains(help, "$ORDER_TARGET") {
		t.Error(help)
	}
}

func helpOf(t *testing.T, verb string) string {
	t.Helper()
	var out bytes.Buffer
	p := settings.Program{Name: "order", EnvPrefix: "ORDER", Stdout: &out}
	if _, err := p.Parse(&cli{}, []string{verb, "--help"}); !errors.Is(err, settings.ErrAnswered) {
		t.Fatal(err)
	}
	return out.String()
}

func TestPrefixesAreApart(t *testing.T) {
	env := map[string]string{"ACTIVITY_WORKERS": "9", "WORKERS": "9", "ORDERTALLY_WORKERS": "9",
		"ORDER_SERVICE_HOST": "10.0.0.1"}
	if c, err := parse(t, "", env, "serve"); err != nil || c.Serve.Workers != 4 {
		t.Errorf("%+v, %v", c.Serve, err)
	}
}

func TestConfigFromTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	env, flag := filepath.Join(dir, "env.yaml"), filepath.Join(dir, "flag.yaml")
	for path, text := range map[string]string{env: "workers: 5\nretention: 1h", flag: "workers: 6"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	variables := map[string]string{"ORDER_CONFIG": env}
	if c, err := parse(t, "", variables, "serve"); err != nil || c.Serve.Workers != 5 ||
		c.Serve.Retention != time.Hour {
		t.Errorf("%+v, %v", c.Serve, err)
	}
	// The flag's file stands in for the variable's; they are not merged.
	for _, args := range [][]string{{"serve", "--config", flag}, {"--config=" + flag, "serve"}} {
		if c, err := parse(t, "", variables, args...); err != nil || c.Serve.Workers != 6 ||
			c.Serve.Retention != 24*time.Hour {
			t.Errorf("%v: %+v, %v", args, c.Serve, err)
		}
	}
}

func TestErrorsSayWhereAndExitWith2(t *testing.T) {
	tests := map[string]struct {
		file string
		env  map[string]string
		args []string
		want []string
	}{
		"no command": {args: []string{}, want: []string{`"serve"`, "\nsee order --help"}},
		"unknown command": {args: []string{"serv"},
			want: []string{`unexpected argument serv, did you mean "serve"?`}},
		"unknown flag": {args: []string{"serve", "--worker=1"},
			want: []string{`did you mean "--workers"?`, "\nsee order serve --help"}},
		"bad flag": {args: []string{"serve", "--workers=many"}, want: []string{"--workers", `"many"`}},
		"bad enum": {args: []string{"serve", "-o", "xml"}, want: []string{"--output must be one of"}},
		"bad enum, variable": {env: map[string]string{"ORDER_OUTPUT": "xml"},
			want: []string{"--output must be one of"}},
		"bad variable": {env: map[string]string{"ORDER_WORKERS": "many"},
			want: []string{"environment variable ORDER_WORKERS", `"many"`}},
		"no unit": {env: map[string]string{"ORDER_RETENTION": "30"},
			want: []string{"ORDER_RETENTION", "missing unit"}},
		"bad int":          {file: "\n# c\nworkers: many\n", want: []string{"order.yaml:3: workers: ", `"many"`}},
		"int out of range": {file: "ports: [1, 65536]\n", want: []string{"order.yaml:1: ports: ", `"65536"`}},
		"float for int":    {file: "workers: 1.5\n", want: []string{"order.yaml:1: workers: ", `"1.5"`}},
		"bad duration":     {file: "retention: 30\n", want: []string{"order.yaml:1: retention: ", "missing unit"}},
		"bad bool":         {file: "no-import: perhaps\n", want: []string{"order.yaml:1: no-import: ", `"perhaps"`}},
		"bad list element": {file: "backoffs: [1s, x]\n", want: []string{"order.yaml:1: backoffs: ", `"x"`}},
		"list for one":     {file: "workers: [1, 2]\n", want: []string{"order.yaml:1: workers: is a list"}},
		"mapping": {file: "ops-listen:\n  host: x\n",
			want: []string{"order.yaml:1: ops-listen: is a mapping"}},
		"flow mapping": {file: "ops-listen: {host: x, port: 1}\n", want: []string{"ops-listen: is a mapping"}},
		"nothing":      {file: "ops-listen:\n", want: []string{"order.yaml:1: ops-listen: has no value"}},
		"null":         {file: "ops-listen: ~\n", want: []string{"ops-listen: has no value"}},
		"null in list": {file: "kafka: [a, ~]\n", want: []string{"kafka: has no value"}},
		"list in list": {file: "kafka: [[a]]\n", want: []string{"kafka: is a list in a list"}},
		"alias": {file: "ops-listen: &a x\noutput: *a\n",
			want: []string{"1: ops-listen: is a YAML anchor", "2: output: is a YAML anchor"}},
		"tag": {file: "workers: !!int \"3\"\n",
			want: []string{"workers: is a YAML anchor, alias or tag"}},
		"merge": {file: "<<: {workers: 1}\n", want: []string{"<<: no such setting"}},
		"unknown keys": {file: "worker: 1\nops_listen: x\nzzz: 1\n",
			want: []string{`order.yaml:1: worker: no such setting, did you mean "workers"?`,
				`order.yaml:2: ops_listen: no such setting, did you mean "ops-listen"?`,
				"order.yaml:3: zzz: no such setting\n"}},
		"duplicate": {file: "workers: 1\nkafka: x\nworkers: 1\n",
			want: []string{"order.yaml:3: workers: is already set on line 1"}},
		"quoted duplicate": {file: "workers: 1\n\"workers\": 1\n",
			want: []string{"order.yaml:2: workers: is already set on line 1"}},
		"config in file": {file: "config: x\n", want: []string{"config: no such setting"}},
		"help in file":   {file: "help: true\n", want: []string{"help: no such setting"}},
		"number as key":  {file: "8080: x\n", want: []string{"order.yaml:1: 8080: no such setting"}},
		"two documents":  {file: "workers: 1\n---\nworkers: 2\n", want: []string{"one YAML document"}},
		"not a mapping":  {file: "- workers\n", want: []string{"order.yaml:1: a settings file is"}},
		"text":           {file: "workers\n", want: []string{"order.yaml:1: a settings file is"}},
		"not YAML":       {file: "workers: 1\nkafka: [a\n", want: []string{"order.yaml:", "not YAML"}},
		"brackets": {file: "kafka: " + strings.Repeat("[", 9),
			want: []string{"order.yaml:1: too many brackets"}},
		"not UTF-8": {file: "ops-listen: \xff\n", want: []string{"not UTF-8"}},
		"too large": {file: strings.Repeat("# comment\n", 7000), want: []string{"larger than 65536 bytes"}},
		"missing file": {args: []string{"serve", "--config", "/nowhere/order.yaml"},
			want: []string{"read settings file: open /nowhere/order.yaml"}},
		"missing, variable": {env: map[string]string{"ORDER_CONFIG": "/nowhere/x.yaml"},
			want: []string{"/nowhere/x.yaml"}},
		"a directory": {args: []string{"serve", "--config", "/"}, want: []string{"read settings file"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.args == nil {
				tc.args = []string{"serve"}
			}
			_, err := parse(t, tc.file, tc.env, tc.args...)
			if settings.ExitCode(err) != settings.ExitUsage {
				t.Errorf("exit code %d of %v", settings.ExitCode(err), err)
			}
			for _, want := range tc.want {
				if err != nil && !strings.Contains(err.Error()+"\n", want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestFileThatIsFine(t *testing.T) {
	tests := map[string]struct {
		file string
		want func(*serve)
	}{
		"empty":             {"# nothing\n", func(*serve) {}},
		"document marks":    {"---\nworkers: 5\n...\n", func(s *serve) { s.Workers = 5 }},
		"another's key":     {"target: http://x\nworkers: 5\n", func(s *serve) { s.Workers = 5 }},
		"byte order mark":   {"\ufeffworkers: 5\n", func(s *serve) { s.Workers = 5 }},
		"line ends of old":  {"workers: 5\r\nops-listen: x\r\n", func(s *serve) { s.Workers = 5; s.OpsListen = "x" }},
		"flow":              {"{workers: 5, ops-listen: x}", func(s *serve) { s.Workers = 5; s.OpsListen = "x" }},
		"comments":          {"workers: 5 # five\n", func(s *serve) { s.Workers = 5 }},
		"empty text":        {"ops-listen: \"\"\n", func(s *serve) { s.OpsListen = "" }},
		"text as written":   {"ops-listen: 0777\n", func(s *serve) { s.OpsListen = "0777" }},
		"text like a bool":  {"ops-listen: no\n", func(s *serve) { s.OpsListen = "no" }},
		"text like a bool2": {"ops-listen: True\n", func(s *serve) { s.OpsListen = "True" }},
		"block text":        {"ops-listen: |-\n  x\n", func(s *serve) { s.OpsListen = "x" }},
		"quoted number":     {"workers: '5'\n", func(s *serve) { s.Workers = 5 }},
		"bool":              {"no-import: true\n", func(s *serve) { s.NoImport = true }},
		"one for a list":    {"kafka: a,b\n", func(s *serve) { s.Kafka = []string{"a", "b"} }},
		"commas in a list":  {"kafka: ['a,b', 'c\\', '']\n", func(s *serve) { s.Kafka = []string{"a,b", `c\`, ""} }},
		"empty list":        {"kafka: []\n", func(s *serve) { s.Kafka = []string{} }},
		"empty list 2":      {"ports: []\n", func(s *serve) { s.Ports = []uint16{} }},
		"list of one":       {"kafka:\n- a\n", func(s *serve) { s.Kafka = []string{"a"} }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want, err := parse(t, "", nil, "serve")
			if err != nil {
				t.Fatal(err)
			}
			tc.want(&want.Serve)
			got, err := parse(t, tc.file, nil, "serve")
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, %v\nwant %+v", got.Serve, err, want.Serve)
			}
		})
	}
}

func TestHelpAndVersionAreAnswered(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"--version"}, {"serve", "--version"}} {
		var out bytes.Buffer
		p := settings.Program{Name: "order", Description: "Accepts orders.", EnvPrefix: "ORDER", Version: "1.2.3",
			Stdout: &out}
		ctx, err := p.Parse(&cli{}, args)
		if ctx != nil || !errors.Is(err, settings.ErrAnswered) || settings.ExitCode(err) != settings.ExitDone {
			t.Errorf("%v: %v", args, err)
		}
		wants := []string{"order 1.2.3\n"}
		if args[len(args)-1] == "--help" {
			wants = []string{"Usage: order", "--config=FILE", "($ORDER_CONFIG)", "--version"}
			if args[0] == "serve" {
				wants = append(wants, "Workers ($ORDER_WORKERS).")
			}
		}
		for _, want := range wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%v: %q lacks %q", args, out.String(), want)
			}
		}
	}
}

func TestNamesAreNotForTheProgramToChoose(t *testing.T) {
	defer func() {
		if v, _ := recover().(string); !strings.Contains(v, "--listen has an env tag") {
			t.Errorf("recovered %q", v)
		}
	}()
	_, _ = settings.Program{Name: "order", EnvPrefix: "ORDER"}.Parse(&struct {
		Listen string `env:"LISTEN"`
	}{}, nil)
}
