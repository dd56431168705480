package settings

import (
	"fmt"

	"ordertally/shared/text/spelling"
)

// suggest names the known word nearest to word, if it is near enough.
func suggest(word string, known []string) string {
	near := spelling.Nearest(word, known)
	if near == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", near)
}
