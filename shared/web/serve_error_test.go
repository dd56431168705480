package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// A listener that fails by itself (here: closed behind the server's back) is an error of Wait and of Stop.
func TestServer_TellsThatItsListenerFailed(t *testing.T) {
	s := New(Config{Addr: "127.0.0.1:0", Handler: http.NotFoundHandler()}, zerolog.Nop())
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	addr := s.Addr()
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.Wait(t.Context()), s.Stop(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "serve HTTP on "+addr) {
			t.Errorf("Wait or Stop: %v", err)
		}
	}
}
