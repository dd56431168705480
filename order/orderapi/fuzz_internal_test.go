package orderapi

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"ordertally/shared/uuidv7"
)

// FuzzCursor checks that an accepted cursor is exactly what this list would have returned, for these filters and no
// others.
func FuzzCursor(f *testing.F) {
	id, err := uuidv7.Parse("01890a5d-ac96-774b-8000-a8b45f0c6d21")
	if err != nil {
		f.Fatal(err)
	}
	good := encodeCursor(id, "customer_id=c")
	for _, seed := range [][2]string{{good, "customer_id=c"}, {good, ""}, {good + "=", "customer_id=c"},
		{good[:len(good)-1], "customer_id=c"}, {"", ""}, {strings.Repeat("A", 28), ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, filters string) {
		last, err := decodeCursor(text, filters)
		if err != nil {
			if last != (uuidv7.ID{}) {
				t.Errorf("%q is refused, and says %v", text, last)
			}
			return
		}
		if again := encodeCursor(last, filters); again != text {
			t.Errorf("%q is taken, and %q would be the cursor", text, again)
		}
		if _, err := decodeCursor(text, filters+"x"); err == nil {
			t.Errorf("%q is taken with other filters", text)
		}
	})
}

// FuzzIdempotencyKey checks that a header is accepted if the contract allows it, and is then used unchanged.
func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"", "k", "a b", "ключ", strings.Repeat("k", 255), strings.Repeat("k", 256), "\x00",
		"~", "!", "\x7f", " k"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	form := regexp.MustCompile(`^[!-~]{1,255}$`)
	f.Fuzz(func(t *testing.T, key string, twice bool) {
		r := httptest.NewRequest(http.MethodPost, "/v1/orders", nil)
		r.Header[headerKey] = []string{key}
		if twice {
			r.Header[headerKey] = append(r.Header[headerKey], key)
		}
		got, err := idempotencyKey(r)
		if want := form.MatchString(key) && !strings.Contains(key, "\n") && !twice; (err == nil) != want ||
			err == nil && got != key {
			t.Errorf("%q, twice %v: %q, %v", key, twice, got, err)
		}
	})
}
