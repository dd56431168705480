package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
	"ordertally/shared/settings"
)

// TestBackup_OfAFileIsCheckedAndFoundDamaged also refuses a backup of the other service.
func TestBackup_OfAFileIsCheckedAndFoundDamaged(t *testing.T) {
	dir := t.TempDir()
	path, file := filepath.Join(dir, "activity.db"), filepath.Join(dir, "new.backup")
	db, err := boltdb.Open(path, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := activitystore.Open(t.Context(), db, activitytest.Orders(), activitystore.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"backup", file, "--data", path}); err != nil {
		t.Fatal(err)
	}
	if m, err := backup.ReadManifest(file); err != nil || m.Service != "activity" || m.Counts["activities"] != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	if err := run([]string{"check", "--data", file}); err != nil {
		t.Error(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-100] ^= 1
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	err = run([]string{"check", "--data", file})
	if settings.ExitCode(err) != settings.ExitFailed || !strings.Contains(err.Error(), "manifest") {
		t.Errorf("a flipped bit of the manifest: %v", err)
	}
}
