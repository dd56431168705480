package retail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/clock/clocktest"
)

func manyRows(invoices int) []byte {
	rows := []byte(header + "\n")
	for i := range invoices {
		rows = fmt.Appendf(rows, "%d,71053,LANTERN,1,2010-12-01 08:26:00,3.39,17850,United Kingdom\n", 100_000+i)
	}
	return rows
}

// counted counts what is read of a file for the second time.
type counted struct {
	*bytes.Reader
	read atomic.Int64
}

func (c *counted) Seek(offset int64, whence int) (int64, error) {
	c.read.Store(0)
	return c.Reader.Seek(offset, whence)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// answering is a service that answers the lines of batches once it may.
func answering(t *testing.T, may <-chan struct{}) (*orders.Client, *atomic.Int64) {
	t.Helper()
	var lines atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", client.NDJSON)
		n := 0
		for in := bufio.NewScanner(r.Body); in.Scan(); n++ {
			lines.Add(1)
		}
		<-may
		for i := range n {
			fmt.Fprintf(w, `{"status":201,"line":%d,"order":{}}`+"\n", i+1)
		}
	}))
	t.Cleanup(service.Close)
	c, err := orders.New(client.Config{URL: service.URL, RetryFor: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &lines
}

func TestImport_ReadsNoFurtherThanItCanSend(t *testing.T) {
	const invoices, underWay = 40 * batchSize, 2
	text := manyRows(invoices)
	row := int64(len(text) / invoices)
	file := &counted{Reader: bytes.NewReader(text)}
	found, err := look([]Source{{Name: "a.csv", Reader: file}}, Dialect{})
	if err != nil {
		t.Fatal(err)
	}
	may := make(chan struct{})
	c, lines := answering(t, may)
	im := importing{client: c, options: Options{Concurrency: underWay}, names: []string{"a.csv"},
		useful: make([]bool, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		im.place(t.Context(), found)
	}()
	// One batch more waits for its turn.
	clocktest.Eventually(t, "all is under way that may be", func() bool {
		return lines.Load() == underWay*batchSize && file.read.Load() >= (underWay+1)*batchSize*row
	})
	if read := file.read.Load(); read > (underWay+1)*batchSize*row+2*chunkSize {
		t.Errorf("%d of %d bytes were read while %d invoices were under way", read, len(text), lines.Load())
	}
	close(may)
	<-ended
	if im.failed != nil || im.summary.Placed != invoices {
		t.Errorf("%d placed, %v", im.summary.Placed, im.failed)
	}
}

// turning has another text from some time on.
type turning struct {
	texts []string // those of the looks, one after the other; the last one stays
	*strings.Reader
}

func (r *turning) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		r.Reader = strings.NewReader(r.texts[0])
		if len(r.texts) > 1 {
			r.texts = r.texts[1:]
		}
	}
	return r.Reader.Seek(offset, whence)
}

func TestRead_SaysThatAFileChangedWhileItWasRead(t *testing.T) {
	row := func(invoice string) string { return invoice + ",A,a,1,2010-12-01 08:26,1,,UK\n" }
	first := header + "\n" + row("1") + row("2") + row("1")
	for name, c := range map[string]struct {
		then    string
		changed bool
	}{
		"the same":        {first, false},
		"rows behind it":  {first + row("3") + row("1"), false}, // of another import
		"cut short":       {header + "\n" + row("1"), true},
		"other invoices":  {header + "\n" + row("1") + row("3") + row("1"), true},
		"a row too many":  {header + "\n" + row("1") + row("1") + row("1"), true},
		"a row too few":   {header + "\n" + row("1") + row("2") + row("2"), true},
		"nothing is left": {"", true},
	} {
		file := &turning{texts: []string{first, first, first, c.then}, Reader: strings.NewReader(first)}
		r, err := Read([]Source{{Name: "a.csv", Reader: file}}, Dialect{})
		if errors.Is(err, errChanged) != c.changed || !c.changed && len(r.Invoices) != 2 {
			t.Errorf("%s: %+v, %v", name, r.Invoices, err)
		}
	}
}

func TestImport_TakesAPipe(t *testing.T) {
	may := make(chan struct{})
	close(may)
	c, _ := answering(t, may)
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	const invoices = 3 * batchSize
	go func() {
		_, _ = to.Write(manyRows(invoices)) // the import says what is missing
		_ = to.Close()
	}()
	summary, err := Import(t.Context(), []string{fmt.Sprintf("/dev/fd/%d", from.Fd())}, c, Options{})
	if err != nil || summary.Placed != invoices {
		t.Fatalf("%+v, %v", summary, err)
	}
}

func TestRead_TakesLinesOfAnyLength(t *testing.T) {
	for _, length := range []int{chunkSize - 100, chunkSize, 3*chunkSize + 17} {
		text := header + "\r\n1,A," + strings.Repeat("é", length/2) +
			",1,2010-12-01 08:26,1,,UK\r\n2,A,a,1,2010-12-01 08:26,1,,UK"
		r, err := Read([]Source{{Name: "a.csv", Reader: strings.NewReader(text)}}, Dialect{})
		if err != nil || len(r.Invoices) != 2 || len(r.Invoices[0].Draft.Lines[0].Description) != length/2*2 {
			t.Errorf("%d: %d invoices, %v", length, len(r.Invoices), err)
		}
	}
}
