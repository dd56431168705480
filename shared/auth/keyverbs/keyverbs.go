// Package keyverbs has the commands that manage a service's API keys. They call the running service (see package
// keyapi). For a stopped service, and for the first key of a service that has none, they work on its file.
package keyverbs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ordertally/shared/auth"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

// Commands are the verbs of `keys`. The variable api_target must be the default of --target, and a *Service bound.
type Commands struct {
	// Make a key and print it. It is shown only once: only its hash is kept.
	New New `cmd:""`
	// List the keys, including revoked ones.
	Ls Ls `cmd:""`
	// Revoke a key at once and for ever.
	Revoke Revoke `cmd:""`
}

// New is the verb new.
type New struct {
	common
	output.Form
	// Who will use the key. Keys with the same name are one caller, so a new key can replace an old one.
	Name string `arg:""`
	// What the key may do, separated by commas: orders:write, orders:backfill, orders:handover, orders:read,
	// stats:read, ops:read, ops:write, backup:read, keys:write. A running service grants only scopes that your own key
	// has.
	Scopes []string `placeholder:"SCOPE" required:""`
	// How long the key is valid, such as 90d or 12h30m.
	Expires lifetime `default:"90d" placeholder:"DURATION"`
	// The key is valid until it is revoked.
	Never bool `name:"never-expires"`
}

// Run prints the key to standard output and, unless that is JSON, what it is to standard error.
func (c *New) Run(ctx context.Context, sources *settings.Sources, k *kong.Context, service *Service) error {
	if c.Never && sources.Typed(k, "expires") {
		return settings.WithExitCode(errors.New(
			"--expires and --never-expires contradict each other: give one of them"),
			settings.ExitUsage)
	}
	return c.run(ctx, service, safetext.Stdout(), os.Stderr)
}

func (c *New) run(ctx context.Context, service *Service, stdout, stderr io.Writer) error {
	if err := auth.CheckName(c.Name); err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	if err := auth.CheckScopes(c.Scopes); err != nil {
		return settings.WithExitCode(fmt.Errorf("--scopes: %w", err), settings.ExitUsage)
	}
	lasts := time.Duration(c.Expires)
	if c.Never {
		lasts = 0
	}
	return c.with(ctx, service, true, func(keys keeper) error {
		key, err := keys.create(ctx, c.Name, c.Scopes, lasts)
		if err != nil {
			return err
		}
		err = c.Write(stdout, key, func(stdout io.Writer) error {
			until := "for ever"
			if !key.ExpiresAt.IsZero() {
				until = "until " + output.Time(key.ExpiresAt)
			}
			_, _ = fmt.Fprintf(stderr, "key %s of %s, %s, %s; it is shown this once:\n", key.ID, key.Name,
				strings.Join(key.Scopes, ","), until)
			return output.Print(stdout, "%s\n", key.Key)
		})
		if err != nil {
			return fmt.Errorf("%w; revoke key %s", err, key.ID)
		}
		return nil
	})
}

// lifetime is how long a key is valid: a duration of Go, or a number of days.
type lifetime time.Duration

// UnmarshalText reads "90d" or "12h30m".
func (l *lifetime) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if days, isDays := strings.CutSuffix(string(text), "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		if d = keyapi.MaxLifetime + 1; err == nil && n <= int(keyapi.MaxLifetime/day) {
			d = time.Duration(n) * day
		}
	}
	if err != nil {
		return fmt.Errorf("%.40q: want a number of days such as 90d, or a duration such as 12h30m", text)
	}
	if d < time.Second || d > keyapi.MaxLifetime {
		return fmt.Errorf("%.40q is not between 1s and %dd", text, keyapi.MaxLifetime/day)
	}
	*l = lifetime(d.Truncate(time.Second))
	return nil
}

const day = 24 * time.Hour

// String writes whole days as such.
func (l lifetime) String() string {
	if d := time.Duration(l); d%day != 0 || d == 0 {
		return d.String()
	}
	return strconv.Itoa(int(time.Duration(l)/day)) + "d"
}

// Ls is the verb ls.
type Ls struct {
	common
	output.RowsForm
}

// Run writes the list to standard output.
func (c *Ls) Run(ctx context.Context, service *Service) error {
	return c.run(ctx, service, safetext.Stdout())
}

func (c *Ls) run(ctx context.Context, service *Service, out io.Writer) error {
	return c.with(ctx, service, false, func(keys keeper) error {
		list, err := keys.list(ctx)
		if err != nil {
			return err
		}
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		rows := output.List[keyapi.ListedKey]{Answer: text, Member: "keys", Rows: list.Keys, Columns: columns}
		return rows.Write(out, c.Output)
	})
}

var columns = []output.Column[keyapi.ListedKey]{
	{Title: "ID", Name: "id", Of: func(k *keyapi.ListedKey) any { return k.ID }},
	{Title: "NAME", Name: "name", Of: func(k *keyapi.ListedKey) any { return k.Name }},
	{Title: "STATE", Name: "state", Of: func(k *keyapi.ListedKey) any { return k.State }},
	{Title: "SCOPES", Name: "scopes", Of: func(k *keyapi.ListedKey) any { return strings.Join(k.Scopes, ",") }},
	{Title: "CREATED", Name: "created_at", Of: func(k *keyapi.ListedKey) any { return k.CreatedAt }},
	{Title: "EXPIRES", Name: "expires_at", Empty: "never", Of: func(k *keyapi.ListedKey) any { return k.ExpiresAt }},
	{Title: "LAST USE", Name: "last_used_at", Empty: "never", Of: func(k *keyapi.ListedKey) any { return k.LastUse }},
}

// Revoke is the verb revoke.
type Revoke struct {
	common
	output.Form
	// Id of the key, as ls shows it.
	ID string `arg:"" name:"id"`
}

// Run says on standard output what was done.
func (c *Revoke) Run(ctx context.Context, service *Service) error {
	return c.run(ctx, service, safetext.Stdout())
}

func (c *Revoke) run(ctx context.Context, service *Service, out io.Writer) error {
	return c.with(ctx, service, false, func(keys keeper) error {
		if err := keys.revoke(ctx, c.ID); err != nil {
			return fmt.Errorf("revoke %.40q: %w; keys ls shows the ids", c.ID, err)
		}
		return c.Write(out, map[string]any{"id": c.ID, "state": "revoked"}, func(out io.Writer) error {
			return output.Print(out, "key %s is revoked\n", c.ID)
		})
	})
}
