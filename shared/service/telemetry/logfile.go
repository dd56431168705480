package telemetry

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/DeRuina/timberjack"
	"github.com/rs/zerolog"

	"ordertally/shared/settings/plainfile"
)

// logFile is a rotated file whose errors are on the disk at once.
type logFile struct{ timberjack.Logger }

// WriteLevel implements zerolog.LevelWriter.
func (f *logFile) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	n, err := f.Write(line)
	if err == nil && level >= zerolog.ErrorLevel {
		err = f.Sync()
	}
	return n, err
}

// prepare makes the log file if there is none, and returns where it is: a link to it stays when the file is rotated.
// What is no regular file is refused, because a device would be renamed, and a FIFO waits for its reader.
func prepare(path string) (string, error) {
	if info, err := os.Stat(path); err == nil {
		if err := plainfile.Check(path, info); err != nil {
			return "", fmt.Errorf("%w: name one that is, or none: the log is on standard error too", err)
		}
	}
	//nolint:gosec // G302, G304: a group may read logs, and the operator names the file
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// rotateOld rotates the file of an earlier run when it is older than the interval. The library counts from the
// process's first line: in a service that is started anew every day no file would ever be old enough.
func (f *logFile) rotateOld() error {
	if f.RotationInterval == 0 {
		return nil
	}
	began := firstTime(f.Filename)
	if began.IsZero() || time.Since(began) < f.RotationInterval {
		return nil
	}
	return f.RotateWithReason("time")
}

// maxFirstLine is as much as is read of a file to find the time of its first line, in bytes.
const maxFirstLine = 64 << 10

// firstTime is the time of the file's first line, zero when it cannot be read or is none of ours.
func firstTime(path string) time.Time {
	f, err := os.Open(path) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return time.Time{}
	}
	defer func() { _ = f.Close() }() // only read
	line, _ := bufio.NewReader(io.LimitReader(f, maxFirstLine)).ReadBytes('\n')
	var first struct{ Time time.Time }
	if err := json.Unmarshal(line, &first); err != nil {
		return time.Time{}
	}
	return first.Time
}
