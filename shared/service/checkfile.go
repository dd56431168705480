package service

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"ordertally/shared/boltdb"
)

// FileCheck is a program's check command.
type FileCheck struct {
	// Database file of a stopped service.
	Data string `default:"${data}"`
}

// Run checks the file, record by record. It writes what is wrong to standard output, one line each.
func (c *FileCheck) Run(ctx context.Context, check boltdb.Checker) error {
	return c.Check(ctx, os.Stdout, check)
}

// Check is Run with another output. A damaged file is an error.
func (c *FileCheck) Check(ctx context.Context, w io.Writer, check boltdb.Checker) error {
	began := time.Now()
	done, err := boltdb.CheckFile(ctx, c.Data, check)
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
			"the database file %s is damaged: restore it from a backup; the faults found are listed above (%d of %d)",
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
