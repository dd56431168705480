package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
)

// FileCheck is a program's check command.
type FileCheck struct {
	// Database file of a stopped service, or a backup. A backup needs room beside it for the whole database file.
	Data string `default:"${data}"`
	output.Form
}

// checked is what the verb answers with.
type checked struct {
	File    string   `json:"file"`
	Kind    string   `json:"kind"` // a database file, or a backup
	Sound   bool     `json:"sound"`
	Records int      `json:"records"`
	Pages   uint64   `json:"pages"`
	Bytes   int64    `json:"bytes"`
	Faults  []string `json:"faults"`
	More    int      `json:"more_faults"` // that are not in the list
	Seconds float64  `json:"seconds"`
}

// Run checks the file, record by record. It writes what is wrong to standard output.
func (c *FileCheck) Run(ctx context.Context, service *backup.Service) error {
	return c.Check(ctx, os.Stdout, service)
}

// Check is Run with another output. A damaged file is an error.
func (c *FileCheck) Check(ctx context.Context, w io.Writer, service *backup.Service) error {
	if _, err := os.Stat(c.Data); err != nil {
		return settings.WithExitCode(fmt.Errorf("--data: %w", err), settings.ExitUsage)
	}
	began := time.Now()
	kind := "database file"
	progress := output.Begin(os.Stderr, "check "+filepath.Base(c.Data))
	defer progress.Close()
	_, done, err := service.Verify(ctx, c.Data, filepath.Dir(c.Data), nil)
	if errors.Is(err, backup.ErrNoBackup) {
		done, err = boltdb.CheckFile(ctx, c.Data, service.Check)
	} else {
		kind = "backup"
	}
	progress.Close()
	if err != nil {
		return err
	}
	took, n := time.Since(began), len(done.Faults)+done.More
	answer := checked{c.Data, kind, n == 0, done.Records, done.Pages, done.Bytes, done.Faults, done.More,
		took.Seconds()}
	err = c.Write(w, answer, func(w io.Writer) error {
		if n == 0 {
			return output.Print(w, "%s is sound: %s in %s, %d bytes, checked in %s\n", c.Data,
				output.Count(done.Records, "record"), output.Count(done.Pages, "page"), done.Bytes, output.Took(took))
		}
		return output.Print(w, "%s\n", strings.Join(done.Faults, "\n"))
	})
	if err == nil && n > 0 {
		return fmt.Errorf(
			"the %s %s is damaged: restore the database from a backup; the faults found are listed above (%d of %d)",
			kind,
			c.Data,
			len(done.Faults),
			n,
		)
	}
	return err
}
