package tracing

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"ordertally/shared/settings/plainfile"
)

// checkFiles refuses files of the environment that cannot be read. The libraries would wait for a FIFO for ever, and go
// on without what they cannot read: with the system's authorities, say.
func checkFiles() error {
	var errs []error
	for _, of := range []string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"} {
		for _, file := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
			path := strings.TrimSpace(os.Getenv(of + file)) // as the libraries have it
			if path == "" {
				continue
			}
			if _, err := plainfile.Read(path, plainfile.Bound); err != nil {
				errs = append(errs, fmt.Errorf("%s%s: %w: name a file in PEM that this user can read", of, file, err))
			}
		}
	}
	return errors.Join(errs...)
}
