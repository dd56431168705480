// Package webpage serves the services' own pages from embedded files, without a build step and without anything from
// other sites. base.css is the style of all pages, docs.css adds that of API pages, and ask.js calls the service.
package webpage

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strconv"

	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

//go:embed base.css docs.css ask.js
var base embed.FS

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
func NewPage(html []byte) *Page {
	digest := sha256.Sum256(html)
	return &Page{html, `"` + hex.EncodeToString(digest[:16]) + `"`}
}

// ServeHTTP answers with the page, or with 304 if the client has it.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", Policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // the next release changes it
	h.Set("ETag", p.tag)
	if web.Has(r, p.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, "text/html; charset=utf-8", p.html)
}

// Assets returns the handler of /assets/{file}: base.css, docs.css, ask.js and the files in the directory page of
// files.
func Assets(files embed.FS) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("file")
		content, err := base.ReadFile(name)
		if err != nil {
			content, err = files.ReadFile("page/" + name)
		}
		if err != nil {
			problem.Write(w, r, problem.NotFound())
			return
		}
		w.Header().Set("Cache-Control", "no-cache") // the next release changes it
		write(w, mime.TypeByExtension(path.Ext(name)), content)
	}
}

func write(w http.ResponseWriter, contentType string, content []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(content) // #nosec G705 -- a file of the program; fails only if the client has disconnected
}
