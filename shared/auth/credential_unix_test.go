//go:build unix

package auth_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ordertally/shared/auth"
	"ordertally/shared/settings/plainfile/plainfiletest"
)

func TestCredential_ReadsAFile(t *testing.T) {
	t.Setenv("ORDER_API_KEY", "of-the-variable")
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(" ot_key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe() // as a shell's <(command) is one
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := w.WriteString("ot_piped\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"": "of-the-variable", key: "ot_key",
		"/dev/fd/" + strconv.Itoa(int(r.Fd())): "ot_piped"} {
		if token, err := (auth.Credential{APIKeyFile: path}).Token("ORDER_API_KEY"); err != nil ||
			token.Reveal() != want {
			t.Errorf("%s: %q, %v", path, token.Reveal(), err)
		}
	}
}

func TestCredential_RefusesAFileWithoutAKey(t *testing.T) {
	fifo, large := plainfiletest.FIFO(t), filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, []byte(strings.Repeat("x", 64<<10+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		fifo: fifo + " is a pipe that nobody wrote to", large: large + " is larger than 65536 bytes",
		"/dev/zero": "/dev/zero is larger than 65536 bytes",
		"/dev/null": "/dev/null is empty", t.TempDir(): "is a directory",
		filepath.Join(large, "none"): "not a directory",
	} {
		err := plainfiletest.Within(t, func() error {
			_, err := auth.Credential{APIKeyFile: path}.Token("ORDER_API_KEY")
			return err
		})
		if err == nil || !strings.HasPrefix(err.Error(), "--api-key-file: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
