package orderapi

import (
	"embed"

	"ordertally/shared/web/webpage"
)

//go:embed page/index.html
var pageHTML []byte

//go:embed page/*.css page/*.js
var assets embed.FS

// page is the operators' page: how the outbox stands, and what to do about parked messages. It asks for everything
// itself.
var page = webpage.NewPage(pageHTML).ServeHTTP
