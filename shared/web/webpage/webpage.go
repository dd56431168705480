// Package webpage serves the services' own pages from embedded files, without a build step and without anything from
// other sites. It has the frame of both consoles:
//
//   - console.css is their style. Its colours are roles; a page sets none itself.
//   - console.js has the shell, the router and the components. It exports Preact, htm, ask.js and format.js as well.
//   - ask.js calls the service, and asks the reader for a key when the service wants one.
//   - format.js writes numbers, money, times and plurals.
//
// base.css and docs.css are the style of the pages that describe an API.
//
// Files of others are as they were released: htm 3.1.1 with Preact in one module, by Jason Miller and contributors,
// under the Apache Licence 2.0 and the MIT licence; uPlot 1.6.32 by Leon Sorokin, under the MIT licence. Their licences
// stand beside them.
package webpage

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

//go:embed assets/*.css assets/*.js
var shared embed.FS

// Policy is the Content-Security-Policy of a page. The page may load its own files and call its own service, and nobody
// may frame it.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Write answers with a page.
func Write(w http.ResponseWriter, html []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", Policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	write(w, "text/html; charset=utf-8", html)
}

// Page is a page that never changes. Browsers may cache it and revalidate it by its entity tag.
type Page struct {
	html []byte
	tag  string
}

// NewPage returns the handler of a page.
func NewPage(html []byte) *Page { return &Page{html, tagOf(html)} }

func tagOf(content []byte) string {
	digest := sha256.Sum256(content)
	return `"` + hex.EncodeToString(digest[:16]) + `"`
}

// ServeHTTP answers with the page, or with 304 if the client has it.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", Policy)
	h.Set("Referrer-Policy", "no-referrer")
	serve(w, r, "text/html; charset=utf-8", p.html, p.tag)
}

// asset is one file that pages load.
type asset struct {
	content   []byte
	zipped    func() []byte // the same with gzip
	mediaType string
	tag       string
}

func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	if !takesGzip(r) {
		serve(w, r, a.mediaType, a.content, a.tag)
		return
	}
	h.Set("Content-Encoding", "gzip")
	serve(w, r, a.mediaType, a.zipped(), "W/"+a.tag) // other bytes of the same file
}

// takesGzip reports whether the client says that it can read gzip.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.TrimSpace(weight) != "q=0"
		}
	}
	return false
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("assets: " + err.Error())
	}
	return b.Bytes()
}

// Assets returns the handler of /assets/{file}: the files of this package, and those in the directory page of each of
// besides. All have only style sheets and scripts. A file of this package wins over one of the same name. Assets panics
// if files cannot be read, because they are part of the program.
func Assets(besides ...embed.FS) http.HandlerFunc {
	assets := map[string]*asset{}
	for _, files := range besides {
		collect(assets, files, "page")
	}
	collect(assets, shared, "assets")
	return func(w http.ResponseWriter, r *http.Request) {
		a, found := assets[r.PathValue("file")]
		if !found {
			problem.Write(w, r, problem.NotFound())
			return
		}
		a.ServeHTTP(w, r)
	}
}

func collect(assets map[string]*asset, files embed.FS, dir string) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		panic("assets: " + err.Error())
	}
	for _, entry := range entries {
		content, err := fs.ReadFile(files, dir+"/"+entry.Name())
		if err != nil {
			panic("assets: " + err.Error())
		}
		assets[entry.Name()] = &asset{content, sync.OnceValue(func() []byte { return gzipped(content) }),
			mime.TypeByExtension(path.Ext(entry.Name())), tagOf(content)}
	}
}

// serve answers with what a browser may keep and revalidate, or with 304 if the client has it.
func serve(w http.ResponseWriter, r *http.Request, mediaType string, content []byte, tag string) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // the next release changes it
	h.Set("ETag", tag)
	if web.Has(r, strings.TrimPrefix(tag, "W/")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, mediaType, content)
}

func write(w http.ResponseWriter, contentType string, content []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(content) // #nosec G705 -- a file of the program; fails only if the client has disconnected
}
