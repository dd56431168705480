package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Describe returns a figure as text: its median, the range of its rounds, and whether it reached the goal.
func Describe(f Figure, values []float64, unit string) string {
	text := fmt.Sprintf("%s (%s to %s)", Number(Median(values)), Number(slices.Min(values)), Number(slices.Max(values)))
	if unit != "" {
		text += " " + unit
	}
	if f.Goal == 0 {
		return text
	}
	word := "reached"
	if !f.Reached(Median(values)) {
		word = "MISSED"
	}
	return fmt.Sprintf("%s; goal %s: %s", text, GoalText(f), word)
}

// GoalText returns the goal with its direction.
func GoalText(f Figure) string {
	if f.AtMost {
		return "at most " + Number(f.Goal)
	}
	return "at least " + Number(f.Goal)
}

// Number returns a number with three digits that matter, and a comma before each three digits.
func Number(v float64) string {
	switch size := math.Abs(v); {
	case v == 0:
		return "0"
	case size < 1:
		return trimmed(v, 3)
	case size < 10:
		return trimmed(v, 2)
	case size < 100:
		return trimmed(v, 1)
	}
	places := max(0, int(math.Log10(math.Abs(v)))-2)
	unit := math.Pow10(places)
	digits := strconv.FormatInt(int64(math.Round(v/unit)*unit), 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func trimmed(v float64, places int) string {
	text := strconv.FormatFloat(v, 'f', places, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
