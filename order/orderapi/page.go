package orderapi

import (
	"embed"

	"ordertally/shared/web/webpage"
)

//go:embed page/index.html
var pageHTML []byte

//go:embed page/*.css page/*.js
var assets embed.FS

// page is the operators' page. It shows the state of the outbox and what to do about parked messages. The page requests
// its own data.
var page = webpage.NewPage(pageHTML).ServeHTTP
