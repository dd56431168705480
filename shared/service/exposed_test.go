package service

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/kafka"
	"ordertally/shared/settings/tlsfiles"
)

// TestCheck_WarnsOfFilesThatOthersCanRead covers keys and the database. Certificates are public.
func TestCheck_WarnsOfFilesThatOthersCanRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
		return path
	}
	config := Config{
		Listen: "127.0.0.1:0",
		TLS:    tlsfiles.Config{CertFile: file("cert.pem", 0o644), KeyFile: file("open.key", 0o644)},
		OpsTLS: tlsfiles.Config{KeyFile: file("group.key", 0o640)},
		Data:   file("open.db", 0o604),
		KafkaSecurity: kafka.Security{PasswordFile: file("open.password", 0o666),
			KeyFile: filepath.Join(dir, "absent")},
	}
	open := []string{config.TLS.KeyFile, config.Data, config.KafkaSecurity.PasswordFile}
	var out, log bytes.Buffer
	if err := Check(t.Context(), &out, boltdb.Format{Service: "order", Number: 1}, &config, nil); err != nil {
		t.Fatal(err)
	}
	config.warnOfExposed(zerolog.New(&log))
	for _, path := range open {
		if !strings.Contains(out.String(),
			"\nwarning: "+path+" can be read by everybody on this machine: chmod o-rwx "+path+"\n") ||
			!strings.Contains(log.String(), `"level":"warn","message":"`+path+" can be read") {
			t.Errorf("%s is not named: %s %s", path, &out, &log)
		}
	}
	if n := strings.Count(out.String(), "warning: "); n != len(open) ||
		!strings.HasPrefix(out.String(), "the settings are good\n") {
		t.Errorf("%d warnings: %s", n, &out)
	}
}
