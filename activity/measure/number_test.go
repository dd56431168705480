package measure_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"ordertally/activity/measure"
)

func TestSum_IsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sum measure.Sum
		want := new(big.Int)
		for _, n := range rapid.SliceOfN(rapid.Int64Min(0), 0, 30).Draw(t, "amounts") {
			sum = sum.Plus(measure.SumOf(n))
			want.Add(want, big.NewInt(n))
		}
		double := sum.Plus(sum)
		if sum.String() != want.String() || double.String() != want.Lsh(want, 1).String() {
			t.Fatalf("%s and %s, want half of and %s", sum, double, want)
		}
	})
}
