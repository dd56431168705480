package orderapi

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"

	"ordertally/shared/web/webpage"
)

//go:embed page/index.html
var pageHTML string

//go:embed page/*.css page/*.js
var assets embed.FS

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// console returns the handler of the console. It is one page: its script requests what it shows.
func (a *api) console() http.HandlerFunc {
	var text bytes.Buffer
	if err := pageTemplate.Execute(&text, a.ActivityURL); err != nil {
		panic("page: " + err.Error()) // the template is part of the program
	}
	return webpage.NewPage(text.Bytes()).ServeHTTP
}
