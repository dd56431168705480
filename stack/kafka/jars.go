package kafka

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

//go:embed pom.xml
var pom []byte

// Jars returns the class path of the broker that pom.xml names. The first call on a machine has Maven copy the jars
// into the user's cache directory: 45 MB in under a minute. Later calls only look. Any number of processes may call it
// at once: one copies, the others wait. An interrupted copy is repeated.
func Jars(ctx context.Context) (string, error) {
	if classpath, ok := cachedJars(); ok {
		return classpath, nil
	}
	if err := copyJars(ctx); err != nil {
		return "", fmt.Errorf("get the jars of Apache Kafka %s: %w", Version(), err)
	}
	classpath, ok := cachedJars()
	if !ok {
		return "", errors.New("get the jars of Apache Kafka: they vanished from the cache as soon as they were there")
	}
	return classpath, nil
}

func cachedJars() (classpath string, ok bool) {
	dir, err := jarsDir()
	if err != nil {
		return "", false
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", false
	}
	return filepath.Join(dir, "*"), true
}

// jarsDir is named after the version and the whole pom. A changed pom never gets the old jars.
func jarsDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the jars: %w: set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(cache, "ordertally", fmt.Sprintf("kafka-%s-%.4x", Version(), sha256.Sum256(pom))), nil
}

// copyJars copies into a directory beside the final one and renames it once it is complete.
func copyJars(ctx context.Context) error {
	final, err := jarsDir()
	if err != nil {
		return err
	}
	maven, err := findMaven()
	if err != nil {
		return err
	}
	cache := filepath.Dir(final)
	if err := os.MkdirAll(cache, 0o750); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(cache, "kafka.lock"))
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return fmt.Errorf("wait for %s, which another process holds: %w", lock.Path(), err)
	}
	defer func() { _ = lock.Unlock() }()
	if _, ok := cachedJars(); ok {
		return nil // another process was first
	}
	part := final + ".part"
	if err := os.RemoveAll(part); err != nil { // left by an interrupted copy: we hold the lock, so nobody writes there
		return err
	}
	if err := runMaven(ctx, maven, part); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(part, "jars"), final); err != nil {
		return err
	}
	return os.RemoveAll(part)
}

func runMaven(ctx context.Context, maven, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	pomFile := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(pomFile, pom, 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, maven, //nolint:gosec // the machine's own Maven
		"--batch-mode", "--quiet", "--file", pomFile,
		"dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(dir, "jars"), "-DincludeScope=runtime")
	cmd.WaitDelay = 5 * time.Second // Maven's own children keep the pipe open
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s dependency:copy-dependencies: %w (it needs Maven Central or a mirror of it): %s", maven,
			err, lastLines(out))
	}
	return nil
}
