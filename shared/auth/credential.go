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

// Credential is how a command that calls a service gets its API key or token: from a file, or from an environment
// variable, never from the command line, which others on the machine can see.
type Credential struct {
	APIKeyFile string `help:"File with the API key or token to send; the variable API_KEY of the service, such as ORDER_API_KEY, holds it otherwise." name:"api-key-file" placeholder:"FILE"`
}

// maxCredential bounds the file, in bytes: no server takes a header of that size.
const maxCredential = 64 << 10

// Token returns the credential: what the file has, without spaces around it, or what the environment variable has, or
// none. The file may be a pipe, such as a shell's <(command).
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
			"the API key or token has characters that none has: look at --api-key-file or " + variable)
	}
	return secret.New(token), nil
}

// SetBearer makes the request one of the credential's owner. An empty token changes nothing.
func SetBearer(r *http.Request, token string) {
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
}
