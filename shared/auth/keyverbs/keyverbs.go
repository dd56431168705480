// Package keyverbs are the commands that look after a service's API keys. They take the service's file, and so need the service
// stopped.
package keyverbs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/settings"
)

// Commands are the verbs of `keys`. The variable data must be the default of the file.
type Commands struct {
	New    New    `cmd:"" help:"Make a key and print it, this once: only a hash is kept. The service must be stopped."`
	Ls     Ls     `cmd:"" help:"List the keys, revoked ones too. The service must be stopped."`
	Revoke Revoke `cmd:"" help:"Make a key useless for ever. The service must be stopped."`
}

type file struct {
	Data string `default:"${data}" help:"Database file of a service that is stopped; keys new makes it when it is absent."`
}

func (f *file) with(ctx context.Context, do func(*auth.Keys) error) (err error) {
	db, err := boltdb.Open(f.Data, boltdb.Options{})
	if errors.Is(err, boltdb.ErrLocked) {
		return fmt.Errorf("%w: stop the service, which reads its keys when it starts", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	keys, err := auth.OpenKeys(ctx, db, clock.System{})
	if err != nil {
		return err
	}
	return do(keys)
}

// existing refuses a file that is absent: opening would make it.
func (f *file) existing() error {
	if _, err := os.Stat(f.Data); err != nil {
		return settings.WithExitCode(fmt.Errorf("--data: %w", err), settings.ExitUsage)
	}
	return nil
}

// New is the verb new.
type New struct {
	file
	Name      string        `arg:"" help:"Who will use the key. Keys of one name are one caller, so that a new one can follow an old one."`
	Scopes    []string      `help:"What it allows: orders:write orders:read orders:backfill stats:read ops:read ops:write, separated by commas." placeholder:"SCOPE" required:""`
	ExpiresIn time.Duration `help:"How long it is good for, such as 2160h. Default: for ever." placeholder:"DURATION"`
}

// Run prints the key to standard output and what it is to standard error.
func (c *New) Run(ctx context.Context) error { return c.run(ctx, os.Stdout, os.Stderr) }

func (c *New) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := auth.CheckName(c.Name); err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	if err := auth.CheckScopes(c.Scopes); err != nil {
		return settings.WithExitCode(fmt.Errorf("--scopes: %w", err), settings.ExitUsage)
	}
	if c.ExpiresIn < 0 {
		return settings.WithExitCode(fmt.Errorf("--expires-in: %v is over already", c.ExpiresIn), settings.ExitUsage)
	}
	return c.with(ctx, func(keys *auth.Keys) error {
		var expires time.Time
		if c.ExpiresIn > 0 {
			expires = time.Now().Add(c.ExpiresIn)
		}
		key, credential, err := keys.New(ctx, c.Name, c.Scopes, expires)
		if err != nil {
			return err
		}
		until := "for ever"
		if !key.ExpiresAt.IsZero() {
			until = "until " + key.ExpiresAt.Format(time.RFC3339)
		}
		fmt.Fprintf(stderr, "key %s of %s, %s, %s; it is shown this once:\n", key.ID, key.Name, strings.Join(key.Scopes, ","), until)
		if _, err := fmt.Fprintln(stdout, credential); err != nil {
			return fmt.Errorf("write the key: %w; revoke key %s", err, key.ID)
		}
		return nil
	})
}

// Ls is the verb ls.
type Ls struct {
	file
	Output string `default:"table" enum:"table,json,ndjson" help:"Form of the output: table, json or ndjson." short:"o"`
}

// Run writes the list to standard output.
func (c *Ls) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

// listed is a key in the output.
type listed struct {
	auth.Key
	State string `json:"state"`
}

func (c *Ls) run(ctx context.Context, out io.Writer) error {
	if err := c.existing(); err != nil {
		return err
	}
	return c.with(ctx, func(keys *auth.Keys) error {
		list := []listed{}
		for _, key := range keys.List() {
			list = append(list, listed{Key: key, State: key.State(time.Now())})
		}
		if err := c.write(out, list); err != nil {
			return fmt.Errorf("write the list: %w", err)
		}
		return nil
	})
}

func (c *Ls) write(out io.Writer, list []listed) error {
	switch c.Output {
	case "json":
		return json.NewEncoder(out).Encode(map[string]any{"keys": list})
	case "ndjson":
		for i := range list {
			if err := json.NewEncoder(out).Encode(list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tSTATE\tSCOPES\tCREATED\tEXPIRES\tLAST USE")
	when := func(t time.Time, never string) string {
		if t.IsZero() {
			return never
		}
		return t.Format(time.RFC3339)
	}
	for i := range list {
		k := &list[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.State, strings.Join(k.Scopes, ","), when(k.CreatedAt, "-"), when(k.ExpiresAt, "never"), when(k.LastUse, "never"))
	}
	return table.Flush()
}

// Revoke is the verb revoke.
type Revoke struct {
	file
	ID string `arg:"" help:"Id of the key, as ls shows it." name:"id"`
}

// Run says on standard output what was done.
func (c *Revoke) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *Revoke) run(ctx context.Context, out io.Writer) error {
	if err := c.existing(); err != nil {
		return err
	}
	return c.with(ctx, func(keys *auth.Keys) error {
		key, err := keys.Revoke(ctx, c.ID)
		if err != nil {
			return fmt.Errorf("revoke %.40q: %w; keys ls shows the ids", c.ID, err)
		}
		if _, err := fmt.Fprintf(out, "key %s of %s is revoked since %s\n", key.ID, key.Name, key.RevokedAt.Format(time.RFC3339)); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		return nil
	})
}
