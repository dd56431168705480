package auth

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"ordertally/shared/settings/plainfile"
	"ordertally/shared/settings/secret"
)

// Credential is where a command that calls a service gets its API key or token: a file or an environment variable. The
// command line is no such place, because others on the machine can see it.
type Credential struct {
	// File with the API key or token to send; the variable API_KEY of the service, such as ORDER_API_KEY, holds it
	// otherwise.
	APIKeyFile string `name:"api-key-file" placeholder:"FILE"`
}

// maxCredential bounds the file. No server accepts a header that long.
const maxCredential = 64 << 10

// Token returns the credential from the file or else from the environment variable, without spaces around it. It is
// empty if there is none. The file may be a pipe, such as a shell's <(command).
func (c Credential) Token(variable string) (secret.Text, error) {
	token := os.Getenv(variable)
	if c.APIKeyFile != "" {
		text, err := plainfile.ReadOnce(c.APIKeyFile, maxCredential)
		if err != nil {
			return secret.Text{}, fmt.Errorf("--api-key-file: %w", err)
		}
		if token = string(text); strings.TrimSpace(token) == "" {
			return secret.Text{}, fmt.Errorf("--api-key-file: %s is empty", c.APIKeyFile)
		}
	}
	token = strings.TrimSpace(token)
	if strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return secret.Text{}, errors.New(
			"the API key or token has characters that no key or token can have: check --api-key-file or " + variable)
	}
	return secret.New(token), nil
}

// SetBearer puts the token into the request's Authorization header. An empty token changes nothing.
func SetBearer(r *http.Request, token string) {
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
}
