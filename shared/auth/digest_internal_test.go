package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/web"
)

// A digest with one wrong bit anywhere must not match.
func TestKeys_ComparesWholeDigests(t *testing.T) {
	const secret = "abcdefghijklmnopqrstuvwxyz"
	digest := sha256.Sum256([]byte(secret))
	held := func(d []byte) *held {
		t.Helper()
		h, err := hold(&stored{Key: Key{ID: "a"}, Hash: hex.EncodeToString(d)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if !held(digest[:]).matches(secret) {
		t.Fatal("the secret's own digest does not match")
	}
	for bit := range sha256.Size * 8 {
		wrong := digest
		wrong[bit/8] ^= 1 << (bit % 8)
		if held(wrong[:]).matches(secret) {
			t.Errorf("a digest that is wrong in bit %d matches", bit)
		}
	}
	for n := range sha256.Size + 1 { // right in its first n bytes, in its last n, in one alone
		front, back, one := [sha256.Size]byte{}, [sha256.Size]byte{}, [sha256.Size]byte{}
		for i, b := range digest {
			front[i], back[i], one[i] = ^b, ^b, ^b
		}
		copy(front[:n], digest[:n])
		copy(back[sha256.Size-n:], digest[sha256.Size-n:])
		if n < sha256.Size {
			one[n] = digest[n]
			if held(front[:]).matches(secret) || held(back[:]).matches(secret) || held(one[:]).matches(secret) {
				t.Errorf("%d bytes are enough", n)
			}
		}
	}
	for name, hash := range map[string]string{
		"cut short": hex.EncodeToString(digest[:sha256.Size-1]), "one byte": hex.EncodeToString(digest[:1]),
		"empty": "", "longer": hex.EncodeToString(append(digest[:], 0)),
		"no hexadecimal": strings.Repeat("zz", sha256.Size),
	} {
		if _, err := hold(&stored{Key: Key{ID: "a"}, Hash: hash}, nil); err == nil {
			t.Errorf("a digest that is %s was taken", name)
		}
	}
}

// A comparison of only a part would let these in: secrets whose digests begin or end like the right one, one key's
// secret under another's id, and ids that differ in one character.
func TestKeys_LetsInNoneThatIsAlike(t *testing.T) {
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "keys.db"), boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	keys, err := OpenKeys(t.Context(), db, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	create := func() (id, secret string) {
		t.Helper()
		key, credential, err := keys.New(t.Context(), "shop", []string{OrdersRead}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return key.ID, credential[len(credential)-secretLength:]
	}
	id, secret := create()
	other, theirs := create()
	router := web.NewRouter((&Guard{Keys: keys}).Protect([]web.Route{
		{Method: http.MethodGet, Path: "/", Scope: OrdersRead, Handler: func(http.ResponseWriter, *http.Request) {}},
	}))
	ask := func(id, secret string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		SetBearer(r, keyPrefix+id+"_"+secret)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		return w.Code
	}
	if ask(id, secret) != http.StatusOK || ask(other, theirs) != http.StatusOK {
		t.Fatal("a good key is refused")
	}
	alike := map[string]bool{"begins": false, "ends": false} // by two bytes
	want := sha256.Sum256([]byte(secret))
	for i := 0; !alike["begins"] || !alike["ends"]; i++ {
		guess := fmt.Sprintf("%026d", i)
		got := sha256.Sum256([]byte(guess))
		for where, same := range map[string]bool{"begins": [2]byte(got[:2]) == [2]byte(want[:2]),
			"ends": [2]byte(got[30:]) == [2]byte(want[30:])} {
			if !same || alike[where] {
				continue
			}
			alike[where] = true
			if status := ask(id, guess); status != http.StatusUnauthorized {
				t.Errorf("a secret whose digest %s as the right one does: %d", where, status)
			}
		}
	}
	for name, pair := range map[string][2]string{"another key's secret": {id, theirs},
		"another key's id": {other, secret}, "an id in capitals": {strings.ToUpper(id) + "", secret}} {
		if status := ask(pair[0], pair[1]); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, status)
		}
	}
	for i := range id {
		for _, c := range "a7" {
			near := id[:i] + string(c) + id[i+1:]
			if near != id && ask(near, secret) != http.StatusUnauthorized {
				t.Errorf("the id %s lets in the secret of %s", near, id)
			}
		}
	}
	for i := range secret {
		near := secret[:i] + "0" + secret[i+1:] // no secret has it
		if ask(id, near) != http.StatusUnauthorized {
			t.Errorf("a secret that differs in place %d is let in", i)
		}
	}
}
