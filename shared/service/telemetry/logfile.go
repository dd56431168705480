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

// logFile is a rotated file. Errors reach the disk at once.
type logFile struct{ timberjack.Logger }

// WriteLevel implements zerolog.LevelWriter.
func (f *logFile) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	n, err := f.Write(line)
	if err == nil && level >= zerolog.ErrorLevel {
		err = f.Sync()
	}
	return n, err
}

// prepare creates the log file if there is none, and returns its real path, so that rotation keeps a link to it. It
// refuses anything but a regular file: a device would be renamed, and a FIFO waits for its reader.
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

// rotateOld rotates the file of an earlier run if it is older than the interval. The library counts from the process's
// first line. If a service restarted every day, no file would ever be old enough.
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

// maxFirstLine is how many bytes of a file are read to find the time of its first line.
const maxFirstLine = 64 << 10

// firstTime returns the time of the file's first line. It is zero when the line cannot be read or is not ours.
func firstTime(path string) time.Time {
	f, err := os.Open(path) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return time.Time{}
	}
	defer func() { _ = f.Close() }() // opened only for reading
	line, _ := bufio.NewReader(io.LimitReader(f, maxFirstLine)).ReadBytes('\n')
	var first struct{ Time time.Time }
	if err := json.Unmarshal(line, &first); err != nil {
		return time.Time{}
	}
	return first.Time
}
