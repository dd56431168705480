package service

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/settings"
	"ordertally/shared/settings/plainfile"
)

// Place is what the check of a service's settings needs to know besides Config.
type Place struct {
	Program string // order
	Listen  string // address of the API
	Data    string // the database file
	// Private are other files that only the service should read; "" is none.
	Private []string
}

// Exposed returns a sentence for each of the service's private files, those in more too, that everybody on the machine
// can read.
func (c *Config) Exposed(more ...string) (sentences []string) {
	for _, file := range append([]string{c.TLS.KeyFile, c.OpsTLS.KeyFile}, more...) {
		if file != "" && plainfile.OthersCanRead(file) {
			sentences = append(
				sentences,
				fmt.Sprintf("%s can be read by everybody on this machine: chmod o-rwx %[1]s", file),
			)
		}
	}
	return sentences
}

// WarnOfExposed writes them to the log.
func (c *Config) WarnOfExposed(logger zerolog.Logger, more ...string) {
	for _, sentence := range c.Exposed(more...) {
		logger.Warn().Msg(sentence)
	}
}

// listens reports whether there is an address that others may reach: one that is none is refused, and reaches nobody.
func (p *Place) listens() bool { return settings.CheckHostPort(p.Listen) == nil }

// Check is a program's `config check`. refused is what the service refuses of its settings by itself, or nil; Check
// adds what serve would find in its way on this machine: the files' directories, and whether others could use the
// service without a key. It makes nothing, and opens the database only to look for a key, when no process has it. What
// is wrong is the error, a line each, with exit code 2; otherwise it writes so to w, with what could not be checked.
func Check(ctx context.Context, w io.Writer, c *Config, at Place, refused error) error {
	problems := []error{refused}
	if err := settings.CheckFile(at.Data); err != nil {
		problems = append(problems, fmt.Errorf("data: %w", err))
	}
	if c.Log.File != "" {
		if err := settings.CheckFile(c.Log.File); err != nil {
			problems = append(problems, fmt.Errorf("log-file: %w", err))
		}
	}
	unchecked, err := reachable(ctx, &c.Auth, at)
	if err := errors.Join(append(problems, err)...); err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	warnings := ""
	for _, sentence := range c.Exposed(append(at.Private, at.Data)...) {
		warnings += "warning: " + sentence + "\n"
	}
	_, err = fmt.Fprint(w, "the settings are good\n", unchecked, warnings)
	return err
}

// reachable refuses a service that everybody could use from anywhere. unchecked says why that is not known, "" when it
// is.
func reachable(ctx context.Context, c *auth.Config, at Place) (unchecked string, err error) {
	if !at.listens() {
		return "", nil
	}
	err = c.Check(ctx, at.Listen, at.Program, at.Data)
	if errors.Is(err, boltdb.ErrLocked) {
		return fmt.Sprintf("not checked: whether %s has an API key, without which serve refuses to listen on %s: a "+
			"running process has the file; "+
			"stop it and check again, or ask it without a key and see that it answers 401\n", at.Data, at.Listen), nil
	}
	return "", err
}
