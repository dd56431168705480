package order

import (
	"strings"

	"ordertally/shared/text/spelling"
)

// nearest returns the name that a misspelt one probably means, or "". Case and separators do not count. In a longer
// name, two letters may be wrong.
func nearest(misspelt string, names []string) string {
	const longest = 32 // bytes; bounds the work for hostile names
	if len(misspelt) > longest {
		return ""
	}
	plain := func(s string) string {
		return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
	}
	best, bestDistance := "", 3
	for _, name := range names {
		if d := spelling.Distance(plain(misspelt), plain(name)); d < bestDistance && d*3 <= len(name) {
			best, bestDistance = name, d
		}
	}
	return best
}
