package measure_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"ordertally/activity/measure"
	"ordertally/shared/boltdb/codec"
)

func sketch(from, to int) *measure.Sketch {
	var s measure.Sketch
	for i := from; i < to; i++ {
		s.Add(measure.Hash(fmt.Appendf(nil, "customer %d", i)))
	}
	return &s
}

func encoded(s *measure.Sketch) []byte {
	var record codec.Encoder
	s.Encode(&record)
	return record.Encoded()
}

// TestSketch_CountsWithinTheStatedError counts sets of many sizes. Two of three are to be within the standard error,
// and all within five times it: the hashes are always the same, so it never fails by chance.
func TestSketch_CountsWithinTheStatedError(t *testing.T) {
	within, sizes, base := 0, 0, 0
	for n := 500; n < 200_000; n = n * 5 / 4 {
		got := sketch(base, base+n).Count()
		base += n
		off := math.Abs(float64(got)-float64(n)) / float64(n)
		if off > 5*measure.RelativeError {
			t.Errorf("%d are counted as %d: %.1f %% off", n, got, 100*off)
		}
		sizes++
		if off <= measure.RelativeError {
			within++
		}
	}
	if 10*within < 6*sizes {
		t.Errorf("%d of %d are within the standard error of %.2f %%", within, sizes, 100*measure.RelativeError)
	}
	for n := range measure.MaxExact + 1 {
		if got := sketch(0, n); got.Count() != int64(n) || !got.Exact() {
			t.Fatalf("%d are counted as %d", n, got.Count())
		}
	}
}

// TestSketch_PartsMergeToTheWhole merges the sketches of overlapping parts, in any order, and has the sketch of all;
// stored and read again.
func TestSketch_PartsMergeToTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		end, whole := rapid.IntRange(0, 2000).Draw(t, "end"), new(measure.Sketch)
		all := sketch(0, end)
		cuts := rapid.SliceOfN(rapid.IntRange(0, end), 0, 5).Draw(t, "cuts")
		from := 0
		for _, to := range append(cuts, end) {
			part := sketch(min(from, to), max(from, to))
			from = to
			var read measure.Sketch
			record := codec.NewDecoder(append(encoded(part), "rest"...))
			read.Decode(&record)
			if rest, err := record.Rest(), record.Err(); err != nil || string(rest) != "rest" {
				t.Fatalf("read %q, %v", rest, err)
			}
			whole.Merge(&read)
		}
		if !bytes.Equal(encoded(whole), encoded(all)) || whole.Count() != all.Count() {
			t.Fatalf("%d of parts, %d of all", whole.Count(), all.Count())
		}
	})
}

func TestSketch_RefusesWhatIsNone(t *testing.T) {
	for _, size := range []int{0, 3, 2000} {
		whole := encoded(sketch(0, size))
		for cut := range whole {
			var read measure.Sketch
			record := codec.NewDecoder(whole[:cut])
			if read.Decode(&record); record.End() == nil {
				t.Fatalf("took %d of %d bytes", cut, len(whole))
			}
		}
	}
}
