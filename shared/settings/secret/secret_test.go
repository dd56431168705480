package secret_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"ordertally/shared/settings/secret"
)

func TestASecretIsNotShown(t *testing.T) {
	type settings struct {
		Password secret.Text
		Pointer  *secret.Text
	}
	type hidden struct {
		User     string
		password secret.Text
	}
	password := secret.New("open-sesame")
	shown := []any{password, &password, settings{password, &password}, []secret.Text{password},
		map[string]secret.Text{"password": password}}
	for _, value := range shown {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3s", "%t", "%p"} {
			if text := fmt.Sprintf(verb, value); leaks(text) {
				t.Errorf("%s of %T: %s", verb, value, text)
			}
		}
		asJSON, err := json.Marshal(value)
		if err != nil || !strings.Contains(string(asJSON), "[redacted]") || leaks(string(asJSON)) {
			t.Errorf("%T as JSON: %s, %v", value, asJSON, err)
		}
	}
	// fmt asks no methods of fields that are not exported
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if text := fmt.Sprintf(verb, hidden{"me", password}); leaks(text) {
			t.Errorf("%s of a hidden field: %s", verb, text)
		}
	}
	if text := fmt.Sprintf("%v %s %d %x %#v", password, password, password, password,
		password); text != strings.TrimSpace(strings.Repeat("[redacted] ", 5)) {
		t.Errorf("shown as %s", text)
	}
	if text := fmt.Sprintf("%+v", settings{Password: password}); !strings.Contains(text, "Password:[redacted]") {
		t.Errorf("it cannot be seen that there is a password: %s", text)
	}
	if text := fmt.Sprintf("%v|%s|%#v", secret.Text{}, secret.New(""), secret.Text{}); text != "||" {
		t.Errorf("none is shown as %s", text)
	}
}

// leaks looks for the text, in plain or in hexadecimal.
func leaks(text string) bool {
	return strings.Contains(text, "sesame") || strings.Contains(strings.ToLower(text), "736573616d65")
}

func TestWhatIsKeptComesBack(t *testing.T) {
	if got := secret.New("open-sesame").Reveal(); got != "open-sesame" {
		t.Error(got)
	}
	if !secret.New("").IsZero() || secret.New("").Reveal() != "" || secret.New("x").IsZero() {
		t.Error("an empty secret is not none")
	}
	if !reflect.DeepEqual(secret.New("x"), secret.New("x")) || reflect.DeepEqual(secret.New("x"), secret.New("y")) {
		t.Error("settings with a secret cannot be compared")
	}
}

func TestASecretIsReadAndNotReadBack(t *testing.T) {
	var read struct{ Given, Empty secret.Text }
	if err := json.Unmarshal([]byte(`{"Given":"hunter2","Empty":""}`), &read); err != nil ||
		read.Given.Reveal() != "hunter2" || !read.Empty.IsZero() {
		t.Errorf("%q, %q, %v", read.Given.Reveal(), read.Empty.Reveal(), err)
	}
	printed, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(printed, &read); err == nil {
		t.Error("what was printed was read back")
	}
}

func TestAURLIsShownWithoutItsPassword(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"http://127.0.0.1:4318/v1?x=y":     "http://127.0.0.1:4318/v1?x=y",
		"127.0.0.1:4318":                   "127.0.0.1:4318", // no URL, and no password
		"http://me:sesame@host:1/path?x#y": "http://me:xxxxx@host:1/path?x#y",
		"http://me:@host":                  "http://me:xxxxx@host",
		"http://sesame@host":               "http://xxxxx@host", // a token, as likely as not
		"http://me:ses@ame@host":           "http://me:xxxxx@host",
		"http://me:%73esame@host":          "http://me:xxxxx@host",
		"//me:sesame@host":                 "//me:xxxxx@host",
		"http://me:ses/ame@host":           "[redacted]",
		"http://me:1/sesame@host":          "[redacted]",
		"http://me:se@s/ame@host":          "[redacted]",
		"http://me:1?sesame@host":          "[redacted]",
		"http://me:1#sesame@host":          "[redacted]",
		"http://me:ses ame@host":           "[redacted]",
		"http://me:%zz@host":               "[redacted]",
		"me:sesame@host":                   "[redacted]",
		"sesame@host":                      "[redacted]",
		"http://me:sesame%40host@":         "http://me:xxxxx@",
		"http://me%3Asesame%40host":        "[redacted]",
	} {
		if got := secret.URL(text); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}
