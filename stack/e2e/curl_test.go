package e2e_test

import (
	"context"
	"html"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/stack"
)

// TestDocs_ExamplesAreGoodRequests sends each example of both /docs as a shell would. What it asks for need not exist,
// but no service may find fault with the request.
func TestDocs_ExamplesAreGoodRequests(t *testing.T) {
	const free = "127.0.0.1:0"
	s := stack.New(stack.Config{
		Data: t.TempDir(), OrderListen: free, OrderOpsListen: free, ActivityListen: free, ActivityOpsListen: free,
		KafkaListen: free,
	}, zerolog.Nop())
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	examples := regexp.MustCompile(`(?s)<pre class="curl">(.*?)</pre>`)
	faults := []int{http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}
	sent := 0
	for _, url := range []string{s.OrderURL(), s.ActivityURL()} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/docs", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range examples.FindAllStringSubmatch(string(page), -1) {
			command := html.UnescapeString(found[1])
			if !strings.Contains(command, url) {
				t.Fatalf("an example of %s is for another service: %s", url, command)
			}
			sent++
			bounded := `curl() { command curl -m 5 -s -w '\n%{http_code}' "$@"; }; ` + command
			bash := exec.CommandContext(t.Context(), "bash", "-c", bounded)
			bash.Dir = t.TempDir()
			said, err := bash.Output() // a live stream ends with an error
			_, code, _ := strings.Cut(string(said[max(0, len(said)-4):]), "\n")
			status, _ := strconv.Atoi(code)
			if status == 0 || slices.Contains(faults, status) || status >= http.StatusInternalServerError {
				t.Errorf("%s\n%s %v", command, said, err)
			}
		}
	}
	t.Logf("%d examples", sent)
	if sent < 60 {
		t.Errorf("only %d examples were found", sent)
	}
}
