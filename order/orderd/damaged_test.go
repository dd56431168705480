package orderd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/service"
	"ordertally/shared/uuidv7"
)

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serveFile runs the service with that file, on free ports, without Kafka. stop may be called once before the test
// ends.
func serveFile(t *testing.T, data string, change ...func(*Config)) (a *admitting, log *logged, stop func()) {
	t.Helper()
	log = &logged{}
	config := Config{Config: service.Config{
		Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Data: data, Kafka: []string{"127.0.0.1:1"},
	}}
	for _, change := range change {
		change(&config)
	}
	service, err := New(config, zerolog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	if err := service.Start(ctx); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := service.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &admitting{t, service, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}, log, stop
}

func (a *admitting) ask(address, path string) (status int, text string) {
	a.t.Helper()
	response, err := a.client.Get("http://" + address + path)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// TestService_SaysThatItsFileIsNewAndWhatOfItIsDamaged checks that the first scrub finds the damaged order. Readiness,
// metric, log, list and the order itself report it.
func TestService_SaysThatItsFileIsNewAndWhatOfItIsDamaged(t *testing.T) {
	data := filepath.Join(t.TempDir(), "order.db")
	a, log, stop := serveFile(t, data)
	if said := log.String(); strings.Count(said, "new and empty") != 1 || !strings.Contains(said, data) {
		t.Errorf("at the first start: %s", said)
	}
	var placed []string
	for range 3 {
		placed = append(placed, path.Base(a.place().location))
	}
	stop()
	damageOrder(t, data, placed[1])
	a, log, _ = serveFile(t, data)
	clocktest.Eventually(a.t, "the damage is known", func() bool {
		status, text := a.ask(a.service.OpsAddr(), "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(text, "[-]records failed") &&
			strings.Contains(text, "order "+placed[1]) && strings.Contains(text, "backup")
	})
	if status, _ := a.ask(a.service.OpsAddr(), "/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d", status)
	}
	if _, text := a.ask(a.service.OpsAddr(), "/metrics"); !strings.Contains(text, "\norder_scrub_errors 1\n") {
		t.Error("order_scrub_errors is not 1")
	}
	if status, text := a.ask(a.service.Addr(), "/v1/orders"); status != http.StatusOK ||
		!strings.Contains(text, `"corrupt":["`+placed[1]+`"]`) || !strings.Contains(text, placed[0]) {
		t.Errorf("the list: %d %s", status, text)
	}
	if status, text := a.ask(a.service.Addr(), "/v1/orders/"+placed[1]); status != http.StatusInternalServerError ||
		!strings.Contains(text, `"corrupt_record"`) {
		t.Errorf("the order: %d %s", status, text)
	}
	if status, _ := a.ask(a.service.Addr(), "/v1/orders/"+placed[2]); status != http.StatusOK {
		t.Errorf("another order: %d", status)
	}
	if said := log.String(); strings.Contains(said, "new and empty") ||
		!strings.Contains(said, "the database file is damaged") {
		t.Errorf("at the second start: %s", said)
	}
}

func damageOrder(t *testing.T, data, id string) {
	t.Helper()
	key, err := uuidv7.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	db, err := boltdb.Open(data, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), func(tx *boltdb.Tx) error {
		orders := tx.Bucket([]byte("orders"))
		row := slices.Clone(orders.Get(key[:]))
		row[len(row)-3] ^= 1
		return orders.Put(key[:], row)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestService_StaysUpOnAReadOnlyFileSystem turns an ext4 file system read-only, as an error of its disk does.
func TestService_StaysUpOnAReadOnlyFileSystem(t *testing.T) {
	mount := filepath.Join(t.TempDir(), "disk")
	fail, mend, repair := mountExt4(t, mount)
	a, _, stop := serveFile(t, filepath.Join(mount, "order.db"))
	t.Cleanup(stop)
	stored := path.Base(a.place().location)
	fail()
	if got := a.place(); got.status != http.StatusServiceUnavailable || got.code != "read_only" ||
		got.retryAfter == "" {
		t.Errorf("a placement: %+v", got)
	}
	if status, text := a.ask(a.service.OpsAddr(), "/readyz"); status != http.StatusServiceUnavailable ||
		!strings.Contains(text, "read-only") || !strings.Contains(text, "start the service again") {
		t.Errorf("/readyz: %d %s", status, text)
	}
	if status, _ := a.ask(a.service.Addr(), "/v1/orders/"+stored); status != http.StatusOK {
		t.Errorf("a read: %d", status)
	}
	if status, text := a.ask(a.service.OpsAddr(), "/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d %s", status, text)
	}
	select {
	case <-a.service.Failed():
		t.Errorf("the service cannot go on: %v", a.service.Err())
	default:
	}
	if !mend() {
		stop()
		repair()
		a, _, _ = serveFile(t, filepath.Join(mount, "order.db"))
	}
	clocktest.Eventually(a.t, "it is ready again, without a placement", func() bool {
		status, _ := a.ask(a.service.OpsAddr(), "/readyz")
		return status == http.StatusOK
	})
	if got := a.place(); got.status != http.StatusCreated {
		t.Errorf("a placement afterwards: %+v", got)
	}
}

// mountExt4 mounts a small file system. fail turns it read-only. mend mounts it for writing again if the kernel allows
// that. repair unmounts it first, which requires the file to be closed.
func mountExt4(t *testing.T, at string) (fail func(), mend func() bool, repair func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can mount a file system that turns read-only")
	}
	image := at + ".img"
	run := func(name string, args ...string) string {
		output, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Skipf("SKIPPED: a file system that turns read-only cannot be made here: %s: %v: %s", name, err, output)
		}
		return strings.TrimSpace(string(output))
	}
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	run("truncate", "-s", "64M", image)
	run("mkfs.ext4", "-q", image)
	run("mount", "-o", "loop,errors=remount-ro", image, at)
	t.Cleanup(func() {
		if output, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, output)
		}
	})
	device := filepath.Base(run("findmnt", "-n", "-o", "SOURCE", at))
	trigger := filepath.Join("/sys/fs/ext4", device, "trigger_fs_error")
	if _, err := os.Stat(trigger); err != nil {
		t.Skip("SKIPPED: the kernel has no way to have a file system fail")
	}
	fail = func() {
		if err := os.WriteFile(trigger, []byte("a test"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mend = func() bool {
		output, err := exec.Command("mount", "-o", "remount,rw", at).CombinedOutput()
		t.Logf("remount,rw: %v %s", err, output)
		return err == nil
	}
	repair = func() {
		run("umount", at)
		if output, err := exec.Command("e2fsck", "-fy", image).CombinedOutput(); err != nil {
			// 1 means that it was repaired.
			if exit, ended := errors.AsType[*exec.ExitError](err); !ended || exit.ExitCode() != 1 {
				t.Fatalf("e2fsck: %v: %s", err, output)
			}
		}
		run("mount", "-o", "loop,errors=remount-ro", image, at)
	}
	return fail, mend, repair
}
