package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/settings"
	"ordertally/shared/settings/plainfile"
)

// exposed returns a sentence for each private file of the service that everybody on the machine can read.
func (c *Config) exposed() (sentences []string) {
	private := []string{
		c.TLS.KeyFile, c.OpsTLS.KeyFile, c.KafkaSecurity.KeyFile, c.KafkaSecurity.PasswordFile, c.Data,
	}
	for _, file := range private {
		if file != "" && plainfile.OthersCanRead(file) {
			sentences = append(sentences,
				fmt.Sprintf("%s can be read by everybody on this machine: chmod o-rwx %[1]s", file))
		}
	}
	return sentences
}

// warnOfExposed logs these sentences.
func (c *Config) warnOfExposed(logger zerolog.Logger) {
	for _, sentence := range c.exposed() {
		logger.Warn().Msg(sentence)
	}
}

// Check is the verb `config check` of the program with that file format. refused is what the service refuses about its
// settings by itself, or nil. Check adds what serve would trip over on this machine: the directories of its files, and
// whether others could use the service without a key. It creates nothing. It opens the database only to look for a key,
// and only if no other process has it.
//
// The error lists what is wrong, one line each, and has exit code 2. Otherwise Check writes to w that the settings are
// good, and what could not be checked.
func Check(ctx context.Context, w io.Writer, format boltdb.Format, c *Config, refused error) error {
	problems := []error{refused}
	if err := settings.CheckFile(c.Data); err != nil {
		problems = append(problems, fmt.Errorf("data: %w", err))
	}
	if c.Log.File != "" {
		if err := settings.CheckFile(c.Log.File); err != nil {
			problems = append(problems, fmt.Errorf("log-file: %w", err))
		}
	}
	if c.Backup.Dir != "" {
		if info, err := os.Stat(c.Backup.Dir); err != nil {
			problems = append(problems, fmt.Errorf("backup-dir: %w", err))
		} else if !info.IsDir() {
			problems = append(problems, fmt.Errorf("backup-dir: %s is not a directory", c.Backup.Dir))
		}
	}
	unchecked, err := reachable(ctx, format, c)
	if err := errors.Join(append(problems, err)...); err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	warnings := ""
	for _, sentence := range c.exposed() {
		warnings += "warning: " + sentence + "\n"
	}
	_, err = fmt.Fprint(w, "the settings are good\n", unchecked, warnings)
	return err
}

// reachable refuses a service that everybody could use from anywhere. unchecked tells why that is unknown, or is "".
func reachable(ctx context.Context, format boltdb.Format, c *Config) (unchecked string, err error) {
	if refused := settings.CheckHostPort(c.Listen); refused != nil { // such an address reaches nobody
		return "", nil //nolint:nilerr // New says so
	}
	err = c.Auth.Check(ctx, c.Listen, format, c.Data)
	if errors.Is(err, boltdb.ErrLocked) {
		return fmt.Sprintf("not checked: whether %s has an API key, without which serve refuses to listen on %s: "+
			"a running process has the file; stop it and check again, or ask it without a key and see that it answers "+
			"401\n", c.Data, c.Listen), nil
	}
	return "", err
}
