//go:build unix

package kafka_test

import (
	"strings"
	"testing"

	"ordertally/shared/kafka"
	"ordertally/shared/settings/plainfile/plainfiletest"
)

func TestSecurity_NoFileHangs(t *testing.T) {
	refused := func(s kafka.Security, wants ...string) {
		t.Helper()
		err := plainfiletest.Within(t, func() error { return s.Validate("kafka-") })
		for _, want := range append(wants, "that this user can read") {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %q", s, err, want)
			}
		}
	}
	for path, want := range plainfiletest.Refused(t) {
		refused(kafka.Security{TLS: true, CAFile: path}, "kafka-tls-ca-file: ", want)
		refused(kafka.Security{TLS: true, CertFile: path, KeyFile: path}, "kafka-tls-cert-file, kafka-tls-key-file: ",
			want)
	}
	large, fifo := plainfiletest.Large(t, 64<<10+1), plainfiletest.FIFO(t)
	for path, want := range map[string]string{
		large: large + " is larger than 65536 bytes", fifo: fifo + " is a pipe, not a regular file",
		"/dev/zero": "is a device",
	} {
		refused(kafka.Security{Mechanism: "plain", Username: "me", PasswordFile: path}, "kafka-sasl-password-file: ",
			want)
	}
}
