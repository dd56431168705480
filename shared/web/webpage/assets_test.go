package webpage_test

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"ordertally/shared/web/webpage"
)

//go:embed page
var page embed.FS

func TestAssets_AreCompressedForThoseWhoCanReadIt(t *testing.T) {
	assets := webpage.Assets(page)
	get := func(accepts, has string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/assets/console.js", nil)
		r.SetPathValue("file", "console.js")
		r.Header.Set("Accept-Encoding", accepts)
		r.Header.Set("If-None-Match", has)
		w := httptest.NewRecorder()
		assets(w, r)
		return w
	}
	plain := get("", "").Body.Bytes()
	for accepts, want := range map[string]string{
		"gzip, deflate, br": "gzip", "br;q=1, gzip;q=0.5": "gzip", "gzip;q=0": "", "br": "", "": "",
	} {
		answer := get(accepts, "")
		content := answer.Body.Bytes()
		if want == "gzip" {
			zipped, err := gzip.NewReader(bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			if len(content) > len(plain)/2 {
				t.Errorf("%d bytes of %d", len(content), len(plain))
			}
			if content, err = io.ReadAll(zipped); err != nil {
				t.Fatal(err)
			}
		}
		h := answer.Header()
		if h.Get("Content-Encoding") != want || h.Get("Vary") != "Accept-Encoding" || !bytes.Equal(content, plain) {
			t.Errorf("%q: %v", accepts, h)
		}
		if again := get(accepts, h.Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%q, had %s: %d", accepts, h.Get("ETag"), again.Code)
		}
	}
}
