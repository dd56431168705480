package settings

import (
	"fmt"
	"strings"

	"ordertally/shared/spelling"
)

// suggest names the known word nearest to word, when it is near enough to be meant.
func suggest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := spelling.Distance(strings.ToLower(word), k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}
