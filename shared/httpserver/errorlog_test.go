package httpserver

import (
	"bytes"
	"testing"

	"github.com/rs/zerolog"
)

func TestAFloodOfComplaintsIsNoFloodOfLines(t *testing.T) {
	var log bytes.Buffer
	complaints := errorLog(zerolog.New(&log))
	for range 1000 {
		complaints.Print("http: TLS handshake error from 192.0.2.1:1234: client sent an HTTP request to an HTTPS server")
	}
	if lines := bytes.Count(log.Bytes(), []byte("\n")); lines < 100 || lines > 220 { // the flood may fall into two seconds
		t.Errorf("%d lines", lines)
	}
}
