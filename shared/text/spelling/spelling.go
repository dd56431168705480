// Package spelling finds similar words, for errors that suggest what was meant.
package spelling

import "strings"

// Distance returns the Levenshtein distance: how many bytes to insert, delete or change to turn a into b. Its time
// grows with the product of the lengths, so callers must bound the length of input from outside.
func Distance(a, b string) int {
	row := make([]int, len(b)+1) // distances from the part of a seen so far to each prefix of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// Nearest returns the known word nearest to word, ignoring case. It returns "" if none is near enough to be meant.
func Nearest(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := Distance(strings.ToLower(word), k); d < distance {
			best, distance = k, d
		}
	}
	return best
}
