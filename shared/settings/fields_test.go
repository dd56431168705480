package settings_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"ordertally/shared/settings"
	"ordertally/shared/settings/secret"
)

// words is a setting that checks itself.
type words string

func (w words) Check() error {
	if w == "bad" {
		return errors.Join(errors.New("one"), errors.New("two"))
	}
	return nil
}

type waits struct {
	First time.Duration `name:"first" default:"1s" range:"1ms..1h" help:"."`
	Limit time.Duration `name:"limit" default:"1m" range:"1ms..1h" help:"."`
}

func (w *waits) Validate(prefix string) error {
	if w.Limit < w.First {
		return errors.New(prefix + "limit: is less than " + prefix + "first")
	}
	return nil
}

type tagged struct {
	Listen  string      `name:"listen" default:"${listen}" check:"address" help:"."`
	Brokers []string    `name:"brokers" default:"a:1,b:2" check:"address" help:"."`
	Mode    string      `name:"mode" default:"fast" enum:"fast,safe" help:"."`
	Bytes   int64       `name:"bytes" default:"10" range:"-1, 1..100" unit:"bytes" help:"."`
	Keep    int         `name:"keep" default:"7" range:"0.." help:"."`
	Rate    float64     `name:"rate" default:"2" range:"1..10" help:"."`
	Pack    bool        `name:"pack" default:"true" help:"."`
	Text    words       `name:"text" help:"."`
	Wait    waits       `embed:"" prefix:"wait-"`
	Secret  secret.Text `kong:"-" name:"password" help:"The password"`
	Other   int         `kong:"-"`
}

type nested struct {
	tagged `embed:"" set:"listen=127.0.0.1:1"`
}

func TestFill_GivesZeroFieldsTheirDefaults(t *testing.T) {
	var got nested
	settings.Fill(&got)
	// 0 is a value of keep, and false one of pack.
	want := nested{tagged{
		Listen: "127.0.0.1:1", Brokers: []string{"a:1", "b:2"}, Mode: "fast", Bytes: 10, Rate: 2,
		Wait: waits{First: time.Second, Limit: time.Minute},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	want.Bytes, want.Wait.First = -1, time.Minute
	got = want
	if settings.Fill(&got); !reflect.DeepEqual(got, want) {
		t.Errorf("what was set became %+v, want %+v", got, want)
	}
}

func TestComplete_NamesEverySettingThatIsWrong(t *testing.T) {
	for want, change := range map[string]func(*nested){
		`x-listen: "nowhere" is not HOST:PORT`:          func(c *nested) { c.Listen = "nowhere" },
		`x-brokers: "b" is not HOST:PORT`:               func(c *nested) { c.Brokers = []string{"a:1", "b"} },
		`x-mode: "slow" is neither fast nor safe`:       func(c *nested) { c.Mode = "slow" },
		`x-bytes: 101 is neither -1 nor between 1 and`:  func(c *nested) { c.Bytes = 101 },
		`x-keep: -1 is not 0 or more`:                   func(c *nested) { c.Keep = -1 },
		`x-rate: NaN is not between 1 and 10`:           func(c *nested) { c.Rate = math.NaN() },
		"x-text: one\nx-text: two":                      func(c *nested) { c.Text = "bad" },
		`x-wait-first: 1ns is not between 1ms and 1h0m`: func(c *nested) { c.Wait.First = 1 },
		`x-wait-limit: is less than x-wait-first`:       func(c *nested) { c.Wait.First = time.Hour },
	} {
		var config nested
		change(&config)
		if err := settings.Complete(&config, "x-"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	bad := nested{tagged{Listen: "x", Keep: -1, Wait: waits{First: 1}}}
	if err := settings.Complete(&bad, ""); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not one line a fault: %v", err)
	}
	if err := settings.Complete(&nested{}, ""); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestProgram_ReadsASecretFromItsVariable(t *testing.T) {
	var commands struct {
		Serve nested `cmd:""`
	}
	_, err := settings.Program{
		Name: "order", EnvPrefix: "ORDER", Stdout: &bytes.Buffer{},
		LookupEnv: func(name string) (string, bool) {
			text, found := map[string]string{"ORDER_PASSWORD": "open-sesame"}[name]
			return text, found
		},
	}.Parse(&commands, []string{"serve"})
	if got := commands.Serve.Secret.Reveal(); err != nil || got != "open-sesame" {
		t.Errorf("the secret is %q, %v", got, err)
	}
	if commands.Serve.Listen != "127.0.0.1:1" || !commands.Serve.Pack {
		t.Errorf("the defaults of the flags are %+v", commands.Serve)
	}
}

func TestProgram_RefusesADefaultOutsideItsRange(t *testing.T) {
	defer func() {
		if v := recover(); v == nil || !strings.Contains(v.(string), "--n: the default 5 is not between 1 and 3") {
			t.Errorf("panic: %v", v)
		}
	}()
	var commands struct {
		N int `default:"5" range:"1..3" help:"."`
	}
	_, _ = settings.Program{Name: "order", EnvPrefix: "ORDER"}.Parse(&commands, nil)
}

func TestProgram_RefusesAZeroOutsideTheRange(t *testing.T) {
	for args, want := range map[string]string{"--most=0": "most: 0 is not between 1 and 5", "--least=0": ""} {
		var cli struct {
			Serve struct {
				Most  int `name:"most" default:"3" range:"1..5" help:"."`
				Least int `name:"least" default:"1" range:"0..5" help:"."`
			} `cmd:"" help:"."`
		}
		_, err := settings.Program{Name: "order", EnvPrefix: "ORDER"}.Parse(&cli, []string{"serve", args})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
