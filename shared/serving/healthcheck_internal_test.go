package serving

import "testing"

func TestAListenerIsReachedFromItsOwnMachine(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8081": "127.0.0.1:8081", "0.0.0.0:8081": "localhost:8081", ":8081": "localhost:8081", "[::]:8081": "localhost:8081", "[::1]:8081": "[::1]:8081",
		"order:8081": "order:8081", "nonsense": "nonsense",
	} {
		if got := dialable(listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}
