package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
)

// FileCheck is a program's check command.
type FileCheck struct {
	// Database file of a stopped service, or a backup. A backup needs room beside it for the whole database file.
	Data string `default:"${data}"`
}

// Run checks the file, record by record. It writes what is wrong to standard output, one line each.
func (c *FileCheck) Run(ctx context.Context, service *backup.Service) error {
	return c.Check(ctx, os.Stdout, service)
}

// Check is Run with another output. A damaged file is an error.
func (c *FileCheck) Check(ctx context.Context, w io.Writer, service *backup.Service) error {
	began := time.Now()
	kind := "database file"
	_, done, err := service.Verify(ctx, c.Data, filepath.Dir(c.Data), nil)
	if errors.Is(err, backup.ErrNoBackup) {
		done, err = boltdb.CheckFile(ctx, c.Data, service.Check)
	} else {
		kind = "backup"
	}
	if err != nil {
		return err
	}
	for _, fault := range done.Faults {
		if _, err := fmt.Fprintln(w, fault); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	if n := len(done.Faults) + done.More; n > 0 {
		return fmt.Errorf(
			"the %s %s is damaged: restore the database from a backup; the faults found are listed above (%d of %d)",
			kind,
			c.Data,
			len(done.Faults),
			n,
		)
	}
	_, err = fmt.Fprintf(
		w,
		"%s is sound: %d records in %d pages, %d bytes, checked in %s\n",
		c.Data,
		done.Records,
		done.Pages,
		done.Bytes,
		time.Since(began).Round(time.Millisecond),
	)
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
