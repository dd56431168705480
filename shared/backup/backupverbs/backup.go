// Package backupverbs has the command that makes a backup, of a running service or of a stopped one's file.
package backupverbs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"ordertally/client"
	"ordertally/client/access"
	"ordertally/shared/backup"
	"ordertally/shared/backup/backupapi"
	"ordertally/shared/boltdb"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

// Service is the service that the verb backs up.
type Service struct {
	*backup.Service
	KeyVariable string // the environment variable with the credential to send
}

// Command is the verb backup. The variable api_target must be the default of --target, and a *Service bound.
type Command struct {
	// The new file. It must not exist. Its directory needs room for the backup, and for the whole database file while
	// the backup is verified.
	File string `arg:"" placeholder:"FILE"`
	// URL of the running service.
	Target       string `default:"${api_target}" setting:""`
	access.Flags `embed:"" group:"To reach the service:"`
	// Back up the database file of a stopped service instead of asking a running one. Counts only on the command line,
	// not as a setting for serve.
	Data string `placeholder:"DATABASE" typed:""`
	output.Form
}

// made is what the verb answers with.
type made struct {
	File          string    `json:"file"`
	Bytes         int64     `json:"bytes"`
	DatabaseBytes int64     `json:"database_bytes"`
	Records       int       `json:"records"`
	TakenAt       time.Time `json:"taken_at"`
	Seconds       float64   `json:"seconds"`
}

// Run makes the backup, verifies it and says so on standard output.
func (c *Command) Run(ctx context.Context, service *Service) error {
	return c.run(ctx, service, safetext.Stdout())
}

func (c *Command) run(ctx context.Context, service *Service, out io.Writer) error {
	if _, err := os.Lstat(c.File); err == nil {
		return settings.WithExitCode(fmt.Errorf("%s: %w: name a new file", c.File, os.ErrExist), settings.ExitUsage)
	}
	began := time.Now()
	progress := output.Begin(os.Stderr, "backup "+filepath.Base(c.File))
	defer progress.Close()
	write := func(w io.Writer) error { return c.fetch(ctx, service, w) }
	if c.Data != "" {
		write = func(w io.Writer) error { return c.read(ctx, service, w) }
	}
	saved, err := service.Save(ctx, c.File, nil, func(w io.Writer) error {
		defer progress.Step("verify " + filepath.Base(c.File))
		return write(w)
	})
	progress.Close()
	if err != nil {
		return err
	}
	took := time.Since(began)
	return c.Write(out, made{c.File, saved.Size, saved.Bytes, saved.Checked.Records, saved.TakenAt, took.Seconds()},
		func(out io.Writer) error {
			return output.Print(out, "%s: %d bytes, of a database of %d bytes and %s as it was at %s; verified; took "+
				"%s\n",
				c.File, saved.Size, saved.Bytes, output.Count(saved.Checked.Records, "record"),
				output.Time(saved.TakenAt), output.Took(took))
		})
}

// read backs up the file of a stopped service.
func (c *Command) read(ctx context.Context, service *Service, w io.Writer) (err error) {
	info, err := os.Stat(c.Data)
	if err == nil && (!info.Mode().IsRegular() || info.Size() == 0) {
		err = fmt.Errorf("%s is not a database file", c.Data)
	}
	if err != nil {
		return settings.WithExitCode(fmt.Errorf("--data: %w", err), settings.ExitUsage)
	}
	db, err := boltdb.Open(c.Data, boltdb.Options{Format: service.Format})
	if errors.Is(err, boltdb.ErrLocked) {
		return fmt.Errorf("%w: the service is running: use --target instead of --data, or stop the service", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = service.Write(ctx, db, w)
	return err
}

// fetch asks a running service.
func (c *Command) fetch(ctx context.Context, service *Service, w io.Writer) error {
	asked, err := c.Connect(client.Config{
		URL: c.Target, RetryFor: -1, Hint: "see --target; if the service is stopped, use --data with its file",
	}, access.Names{Target: "--target", Variable: service.KeyVariable})
	if err != nil {
		return err
	}
	defer asked.Close()
	answer, err := asked.Ask(ctx, http.MethodGet, backupapi.Path, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }() // only read
	if _, err := io.Copy(w, answer); err != nil {
		return fmt.Errorf("read the backup from %s: %w", asked.URL(), err)
	}
	return nil
}
