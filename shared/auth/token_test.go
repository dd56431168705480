package auth_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock"
)

// written returns a token with exactly that header and those claims, signed by the issuer.
func written(t *testing.T, p *authtest.Issuer, header, claims string) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(claims))
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.First, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// Each token has a valid signature.
func TestIssuer_RefusesWhatCanBeReadInTwoWays(t *testing.T) {
	t.Parallel()
	p := authtest.NewIssuer(t, start)
	guard := issuerGuard(t, p, clock.NewManual(start))
	header := func(more string) string { return `{"alg":"RS256","kid":"one"` + more + `}` }
	claims := func(more string) string {
		return fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"alice","exp":%d,"scope":"orders:read"%s}`, p.URL,
			authtest.Audience, start.Add(time.Hour).Unix(), more)
	}
	for _, typ := range []string{"", `,"typ":"JWT"`, `,"typ":"jwt"`, `,"typ":"at+jwt"`, `,"typ":"AT+JWT"`,
		`,"typ":"application/at+jwt"`, `,"typ":"Application/JWT"`, `,"more":{"a":1}`} {
		if w, caller := ask(t, guard, "Bearer "+
			written(t, p, header(typ), claims(`,"n":"`+base64.RawURLEncoding.EncodeToString([]byte(typ))+
				`"`))); w.Code != http.StatusOK || caller == nil {
			t.Errorf("%s: %d %s", typ, w.Code, w.Body)
		}
	}
	for name, token := range map[string]string{
		"type logout+jwt":   written(t, p, header(`,"typ":"logout+jwt"`), claims("")),
		"type dpop+jwt":     written(t, p, header(`,"typ":"dpop+jwt"`), claims("")),
		"type secevent+jwt": written(t, p, header(`,"typ":"application/secevent+jwt"`), claims("")),
		"type id_token":     written(t, p, header(`,"typ":"id_token"`), claims("")),
		"type empty":        written(t, p, header(`,"typ":""`), claims("")),
		"type JWT and more": written(t, p, header(`,"typ":"JWT "`), claims("")),
	} {
		refusedToken(t, guard, name, token, "its type (typ) is neither JWT nor at+jwt")
	}
	for name, token := range map[string]string{
		"a type twice": written(t, p, header(`,"typ":"JWT","typ":"JWT"`), claims("")),
		"a kid twice":  written(t, p, header(`,"kid":"one"`), claims("")),
		"an alg twice": written(t, p, header(`,"alg":"RS256"`), claims("")),
	} {
		refusedToken(t, guard, name, token, "malformed") // the library says so
	}
	for name, token := range map[string]string{
		"a subject twice":        written(t, p, header(""), claims(`,"sub":"root"`)),
		"the same subject twice": written(t, p, header(""), claims(`,"sub":"alice"`)),
		"a scope twice":          written(t, p, header(""), claims(`,"scope":"ops:write"`)),
		"an escaped name":        written(t, p, header(""), claims(`,"s\u0063ope":"ops:write"`)),
		"a name twice inside":    written(t, p, header(""), claims(`,"act":{"sub":"a","sub":"b"}`)),
		"another claim twice":    written(t, p, header(""), claims(`,"x":1,"x":1`)),
	} {
		refusedToken(t, guard, name, token, "twice")
	}
	for name, subject := range map[string]string{
		"256 bytes": strings.Repeat("s", 256), "a line's end": `a\nb`, "an escape": `a\u001b[2J`, "C1": `a\u009bb`,
		"right to left": `a\u202eb`, "a NUL": `\u0000`,
	} {
		token := written(t, p, header(""), strings.Replace(claims(""), "alice", subject, 1))
		refusedToken(t, guard, "a subject with "+name, token, "its subject")
	}
	if w, _ := ask(t, guard, "Bearer "+written(t, p, header(""),
		strings.Replace(claims(""), "alice", strings.Repeat("s", 255), 1))); w.Code != http.StatusOK {
		t.Errorf("a subject of 255: %d %s", w.Code, w.Body)
	}
}

func refusedToken(t *testing.T, guard *auth.Guard, name, token, why string) {
	t.Helper()
	if w, caller := ask(t, guard, "Bearer "+token); w.Code != http.StatusUnauthorized || caller != nil ||
		!strings.Contains(w.Body.String(), why) {
		t.Errorf("%s: %d %s", name, w.Code, w.Body)
	}
}
