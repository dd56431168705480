package setdigest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"ordertally/shared/event/setdigest"
)

// The test compares with big integers, in another order and in two parts.
func TestDigest_IsTheSumModulo2To128(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.String()).Draw(t, "ids")
		cut := rapid.IntRange(0, len(ids)).Draw(t, "cut")
		var left, right setdigest.Digest
		sum := new(big.Int)
		for i, id := range ids {
			if i < cut {
				left = left.Plus(setdigest.Of(id))
			} else {
				right = setdigest.Of(id).Plus(right)
			}
			hash := sha256.Sum256([]byte(id))
			sum.Add(sum, new(big.Int).SetBytes(hash[:16]))
		}
		sum.Mod(sum, new(big.Int).Lsh(big.NewInt(1), 128))
		want := hex.EncodeToString(sum.FillBytes(make([]byte, 16)))
		got := right.Plus(left)
		if got.String() != want {
			t.Fatalf("%q: %s, want %s", ids, got, want)
		}
		var back setdigest.Digest
		if err := back.UnmarshalText([]byte(want)); err != nil || back != got ||
			setdigest.FromBytes(got.Bytes()) != got {
			t.Fatalf("%s came back as %s, %v", want, back, err)
		}
	})
}

func TestDigest_RefusesWhatIsNoDigest(t *testing.T) {
	for _, text := range []string{"", "00", "zz000000000000000000000000000000", "000000000000000000000000000000000"} {
		if err := new(setdigest.Digest).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
