package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/DeRuina/timberjack"
	"github.com/rs/zerolog"
)

// LogConfig tells where a service's log goes besides standard error, and how much of it. The tags make it flags.
type LogConfig struct {
	// Least level that is logged. It can be changed over the ops listener.
	Level string `name:"level" default:"info" enum:"trace,debug,info,warn,error"`
	// Write the log to this file as well, and rotate it.
	File string `name:"file" placeholder:"FILE"`
	// Megabytes after which the log file is rotated.
	MaxSize int `name:"max-size" default:"100" range:"0.." unit:"MB"`
	// Time after which the log file is rotated, at least 1m; 0 rotates it by size only.
	//
	// The time counts from the file's first line. No timer runs: the next line rotates the file.
	RotateEvery time.Duration `name:"rotate-every" default:"24h" range:"0, 1m.."`
	// Days after which a rotated log file is deleted; 0 keeps it.
	MaxAge int `name:"max-age" default:"28" range:"0.." unit:"days"`
	// Most rotated log files to keep; 0 keeps all.
	MaxBackups int `name:"max-backups" default:"30" range:"0.."`
	// Compress rotated log files with gzip.
	Compress bool `name:"compress" default:"true" negatable:""`
}

// Level is the lowest level that a logger writes. It may be changed at any time.
type Level struct{ least atomic.Int32 }

// ParseLevel reads the name of a level.
func ParseLevel(name string) (zerolog.Level, error) {
	switch level, err := zerolog.ParseLevel(name); {
	// zerolog also accepts numbers
	case err == nil && level >= zerolog.TraceLevel && level <= zerolog.ErrorLevel &&
		strings.EqualFold(name, level.String()):
		return level, nil
	default:
		return zerolog.NoLevel, fmt.Errorf("%q is none of trace, debug, info, warn, error", name)
	}
}

// Set changes the level.
func (l *Level) Set(level zerolog.Level) { l.least.Store(int32(level)) }

// Get returns the level.
func (l *Level) Get() zerolog.Level { return zerolog.Level(l.least.Load()) } //nolint:gosec // G115: only levels go in

// Run implements zerolog.Hook.
func (l *Level) Run(e *zerolog.Event, level zerolog.Level, _ string) {
	if level < l.Get() {
		e.Discard()
	}
}

// Log is a service's log.
type Log struct {
	Logger zerolog.Logger
	Level  *Level
	// Drops counts the lines that were lost.
	Drops   *Drops
	outputs fanout
}

// OpenLog opens the log of a service. It writes to w, usually os.Stderr, in the format of NewLogger, and to the file
// that c names. Logging never waits for either. Lines wait in memory. A line that finds no room there, or cannot be
// written, is dropped and counted.
//
// A line of level error or above is synced to disk as soon as it is written. A file that cannot be written, or is not a
// regular file, is an error at once. Rotation keeps a link to the file. A log must be closed.
func OpenLog(c LogConfig, w io.Writer, service string) (*Log, error) {
	level, err := ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	log := &Log{Level: &Level{}, Drops: &Drops{}}
	log.Level.Set(level)
	note := func(lines uint64) []byte { return missingLines(service, lines) }
	if c.File != "" {
		file, err := openLogFile(&c)
		if err != nil {
			return nil, fmt.Errorf("log file: %w", err)
		}
		log.outputs = append(
			log.outputs,
			newSink(file, log.Drops, note, func() error { return errors.Join(file.Sync(), file.Close()) }),
		)
	}
	log.outputs = append(log.outputs, newSink(forPeople(w), log.Drops, note, func() error { return nil }))
	log.Logger = newLogger(log.outputs, service).Hook(log.Level)
	return log, nil
}

func openLogFile(c *LogConfig) (*logFile, error) {
	path, err := prepare(c.File)
	if err != nil {
		return nil, err
	}
	compression := "none"
	if c.Compress {
		compression = "gzip"
	}
	file := &logFile{
		timberjack.Logger{
			Filename:         path,
			MaxSize:          c.MaxSize,
			MaxAge:           c.MaxAge,
			MaxBackups:       c.MaxBackups,
			Compression:      compression,
			RotationInterval: c.RotateEvery,
		},
	}
	if err := file.rotateOld(); err != nil {
		return nil, fmt.Errorf("rotate that of an earlier run: %w", errors.Join(err, file.Close()))
	}
	return file, nil
}

// missingLines returns the line that stands in for missing lines.
func missingLines(service string, lines uint64) []byte {
	var line bytes.Buffer
	logger := newLogger(&line, service)
	logger.Warn().Uint64("lines", lines).Msg("log lines are missing here: the output did not take them in time")
	return line.Bytes()
}

// Close writes what is left, syncs the file and closes it. A blocked output delays it for half a second at most.
func (l *Log) Close() error { return l.outputs.close() }
