package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"ordertally/activity/activitystore"
	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

// restoreCmd makes a database file ready from a backup, or from another database file.
type restoreCmd struct {
	// The new database file, which must not exist.
	Data string `required:"" placeholder:"NEW"`
	// The backup, or the database file of a stopped service, that it is made from.
	Base string `required:"" placeholder:"FILE"`
	output.Form
}

// Run writes to standard output what was made.
func (c *restoreCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *restoreCmd) run(ctx context.Context, out io.Writer) error {
	progress := output.Begin(os.Stderr, "restore "+filepath.Base(c.Data))
	err := extract(ctx, c.Base, c.Data)
	progress.Close()
	if err != nil {
		return err
	}
	return c.Write(out, struct {
		File string `json:"file"`
		Base string `json:"base"`
	}{c.Data, c.Base}, func(out io.Writer) error {
		return output.Print(out, "restored %s from %s, and checked it: activity serve --data %[1]s reads on from "+
			"where it stands\n", c.Data, c.Base)
	})
}

// extract makes a new database file of the activity service from a backup or another file, and checks it. If it is not
// sound, nothing is left of it.
func extract(ctx context.Context, base, data string) error {
	_, err := backup.Extract(ctx, base, data)
	if errors.Is(err, fs.ErrExist) {
		return settings.WithExitCode(fmt.Errorf("%w: name a new file", err), settings.ExitUsage)
	}
	if err != nil {
		return err
	}
	if err := checkFile(ctx, data); err != nil {
		return errors.Join(fmt.Errorf("%s is no sound file of the activity service: %w", base, err), os.Remove(data))
	}
	return nil
}

func checkFile(ctx context.Context, path string) error {
	db, err := boltdb.Open(path, boltdb.Options{Format: activitystore.Format})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		return err
	}
	checked, err := boltdb.CheckFile(ctx, path, activitystore.Check)
	if err == nil && len(checked.Faults) > 0 {
		err = fmt.Errorf("%w: %s", boltdb.ErrCorrupt, checked.Faults[0])
	}
	return err
}
