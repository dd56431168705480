package devbroker_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ordertally/shared/kafka/devbroker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a broker that the test need not stop.
func start(t *testing.T, cfg devbroker.Config) *devbroker.Broker {
	t.Helper()
	b, err := devbroker.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestStart_NamesABusyPort(t *testing.T) {
	b := start(t, devbroker.Config{})
	second, err := devbroker.Start(devbroker.Config{Listen: b.Addr()})
	if err == nil {
		_ = second.Stop()
		t.Fatal("two brokers listen on one port")
	}
	if !strings.Contains(err.Error(), b.Addr()) {
		t.Fatalf("the error does not name %s: %v", b.Addr(), err)
	}
}

func TestStart_RefusesADirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	first := start(t, devbroker.Config{DataDir: dir})
	second, err := devbroker.Start(devbroker.Config{DataDir: dir})
	if err == nil {
		_ = second.Stop()
		t.Fatal("two brokers write to one directory")
	}
	if !strings.Contains(err.Error(), dir) {
		t.Fatalf("the error does not name %s: %v", dir, err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	start(t, devbroker.Config{DataDir: dir})
}

func TestStart_LeavesTheDirectoryFreeWhenThePortIsBusy(t *testing.T) {
	dir := t.TempDir()
	other := start(t, devbroker.Config{})
	if b, err := devbroker.Start(devbroker.Config{Listen: other.Addr(), DataDir: dir}); err == nil {
		_ = b.Stop()
		t.Fatal("two brokers listen on one port")
	}
	start(t, devbroker.Config{DataDir: dir})
}

func TestStop_ReleasesThePortAndMayBeCalledAgain(t *testing.T) {
	b := start(t, devbroker.Config{DataDir: t.TempDir()})
	for range 2 {
		if err := b.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	start(t, devbroker.Config{Listen: b.Addr()})
}

func TestStart_RefusesAddressesThatClientsCannotUse(t *testing.T) {
	for _, address := range []string{":9092", "0.0.0.0:0", "[::]:0", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"} {
		b, err := devbroker.Start(devbroker.Config{Listen: address})
		if err == nil {
			t.Errorf("listens on %q as %s, want an error", address, b.Addr())
			_ = b.Stop()
		}
	}
}

// If a client does not speak Kafka's protocol, such as a browser, its connection is closed. The broker goes on.
func TestBroker_CutsOffWhatIsNotKafka(t *testing.T) {
	b := start(t, devbroker.Config{})
	for name, bytes := range map[string]string{
		"an HTTP request":                   "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"a request key that does not exist": "\x00\x00\x00\x10\x7f\x00\x00\x00aaaaaaaaaaaa",
		"a negative request key":            "\x00\x00\x00\x10\xff\xff\x00\x00aaaaaaaaaaaa",
		"a request of 2 GiB":                "\x80\x00\x00\x00\x00\x03\x00\x00aaaaaaaaaaaa",
		"an empty request":                  "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"a body that is no metadata":        "\x00\x00\x00\x08\x00\x03\x00\x09aaaa",
	} {
		t.Run(name, func(t *testing.T) {
			var dialer net.Dialer
			conn, err := dialer.DialContext(t.Context(), "tcp", b.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, bytes); err != nil {
				t.Fatal(err)
			}
			if answer, err := io.ReadAll(conn); len(answer) > 0 || isTimeout(err) {
				t.Fatalf("answered %q, %v; want the connection closed", answer, err)
			}
		})
	}
	createTopic(t, b.Addr(), "after", nil)
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error) //nolint:errorlint // ReadAll passes the connection's error on as it is
	return ok && e.Timeout()
}
