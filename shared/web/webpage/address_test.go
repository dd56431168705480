package webpage_test

import (
	"testing"

	"ordertally/shared/web/webpage"
)

func TestAddress_IsThatOfASite(t *testing.T) {
	for _, good := range []webpage.Address{"", "http://127.0.0.1:8080", "https://orders.example.com/console"} {
		if err := good.Check(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []webpage.Address{"orders", "//orders", "javascript:alert(1)", "ftp://orders", "http://",
		"https://a:b@orders", "https://orders?x=1", "https://orders#x", ":"} {
		if bad.Check() == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
