package orderapi

import "testing"

func TestCounting_SendsNoCredentialInTheClear(t *testing.T) {
	for address, want := range map[string]bool{
		"https://statistics.example.com": true, "http://127.0.0.1:8090": true, "http://localhost:8090": true,
		"http://[::1]:8090": true, "http://statistics.example.com": false, "http://10.0.0.1:8090": false, "": false,
	} {
		if got := confidential(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
