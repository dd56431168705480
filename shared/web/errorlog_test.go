package web

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"
)

func TestErrorLog_SamplesAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		complaints := errorLog(zerolog.New(&log))
		for range 1000 {
			complaints.Print("http: TLS handshake error from 192.0.2.1:1234: client sent an HTTP request to an HTTPS " +
				"server")
		}
		if lines := bytes.Count(log.Bytes(), []byte("\n")); lines != logBurst+9 { // of 900 each hundredth
			t.Errorf("%d lines", lines)
		}
	})
}
