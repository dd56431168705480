package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ordertally/shared/web/webpage"
)

// anyService stands in the page for the address of the service that answers.
const anyService = "http://service.invalid"

// curlOf returns a request with the examples of the description. It is "" if a body is required that has no example.
func curlOf(method, path string, op *huma.Operation) string {
	var query []string
	curl := "curl"
	if method != http.MethodGet && (method != http.MethodPost || op.RequestBody == nil) { // -d posts
		curl += " -X " + method
	}
	headers := ""
	for _, p := range op.Parameters {
		switch value := exampleOf(p); {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case p.In == "query" && p.Required:
			query = append(query, p.Name+"="+url.QueryEscape(value))
		case p.Name == "Idempotency-Key":
			headers = fmt.Sprintf(" \\\n  -H 'Idempotency-Key: %s'", value)
		}
	}
	address := anyService + path
	if len(query) > 0 {
		address += "?" + strings.Join(query, "&")
	}
	curl += " " + quoted(address) + headers
	if response := op.Responses["200"]; response != nil {
		for media := range response.Content {
			if media == "text/event-stream" {
				curl = strings.Replace(curl, "curl", "curl -N", 1)
			} else if !strings.Contains(media, "json") {
				curl += " --output " + op.OperationID
			}
		}
	}
	if op.RequestBody == nil {
		return curl
	}
	for media, content := range op.RequestBody.Content {
		if content.Example == nil {
			return ""
		}
		text, err := json.Marshal(content.Example)
		if err != nil {
			panic("example of " + op.OperationID + ": " + err.Error())
		}
		curl += fmt.Sprintf(" \\\n  -H 'Content-Type: %s' \\\n  -d %s", media, quoted(string(text)))
	}
	return curl
}

// exampleOf returns a value of a parameter. A name in capitals stands for what the reader has to fill in.
func exampleOf(p *huma.Param) string {
	if len(p.Schema.Examples) > 0 {
		return fmt.Sprint(p.Schema.Examples[0])
	}
	day := "2010-12-01"
	if strings.HasSuffix(p.Name, "to") {
		day = "2010-12-03"
	}
	switch p.Schema.Format {
	case "date":
		return day
	case "date-time":
		return day + "T00:00:00Z"
	}
	return strings.ToUpper(p.Name)
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// hostPort is a Host that may stand in a command.
var hostPort = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:]+\](:[0-9]+)?$`)

// servePage answers with the page. Its examples have the address by which the reader came.
func servePage(html []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		address := anyService
		if hostPort.MatchString(r.Host) {
			address = "http://" + r.Host
			if r.TLS != nil {
				address = "https://" + r.Host
			}
		}
		webpage.NewPage(bytes.ReplaceAll(html, []byte(anyService), []byte(address))).ServeHTTP(w, r)
	}
}
