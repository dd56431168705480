//go:build faults

package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ordertally/stack/kafka"
)

// TestRelay_PublishesAgainWhatAPowerCutTook keeps the broker's data on its own file system, in a file, and shuts that
// down. Data that was not written back is gone. It needs root, a loop device, mkfs.ext4 and xfs_io.
func TestRelay_PublishesAgainWhatAPowerCutTook(t *testing.T) {
	for _, tool := range []string{"mkfs.ext4", "mount", "xfs_io"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: install the packages e2fsprogs, mount and xfsprogs", err)
		}
	}
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "disk.img"), filepath.Join(dir, "disk")
	run := func(name string, args ...string) {
		t.Helper()
		if output, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, output)
		}
	}
	file, err := os.Create(image)
	if err == nil {
		err = file.Truncate(2 << 30)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
	if err := os.Mkdir(mount, 0o750); err != nil {
		t.Fatal(err)
	}
	// commit is the interval at which ext4 writes back, in seconds. It is so long that nothing is written back by
	// itself.
	attach := func() { run("mount", "-o", "loop,commit=1000", image, mount) }
	attach()
	t.Cleanup(func() { _ = exec.Command("umount", mount).Run() })
	forgets(t, filepath.Join(mount, "kafka"), func(*kafka.Kafka) { run("sync", "-f", mount) },
		func(cluster *kafka.Kafka) {
			run("xfs_io", "-x", "-c", "shutdown", mount)
			cluster.Kill()
			run("umount", mount)
			attach()
		})
}
