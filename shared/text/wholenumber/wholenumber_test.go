package wholenumber_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"ordertally/shared/text/wholenumber"
)

func TestParse_TakesNumbersByValue(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		err  error
	}{
		{"0", 0, nil}, {"-0", 0, nil}, {"7", 7, nil}, {"-7", -7, nil},
		{"1250.0", 1250, nil}, {"1.25e3", 1250, nil}, {"2.0", 2, nil}, {"2E0", 2, nil}, {"2e+00", 2, nil},
		{"-1.5e1", -15, nil},
		{"12500e-1", 1250, nil}, {"100.00e-2", 1, nil}, {"0.000012e6", 12, nil}, {"0e5", 0, nil}, {"0.0", 0, nil},
		{"-0.00E-9", 0, nil},
		{"9223372036854775807.0", 1<<63 - 1, nil}, {"-9223372036854775808e0", -1 << 63, nil},
		{"9.223372036854775807e18", 1<<63 - 1, nil},
		{"0e999999999999999999999999", 0, nil}, {"0e-999999999999999999999999", 0, nil},
		{"1" + strings.Repeat("0", 30) + "e-30", 1, nil}, {"0." + strings.Repeat("0", 30) + "5e31", 5, nil},
		{"1250.5", 0, wholenumber.ErrFraction}, {"1e-1", 0, wholenumber.ErrFraction},
		{"15e-1", 0, wholenumber.ErrFraction},
		{"0.1", 0, wholenumber.ErrFraction}, {"9223372036854775807.5", 0, wholenumber.ErrFraction},
		{"1e-999999999", 0, wholenumber.ErrFraction},
		{"1e-99999999999999999999999999", 0, wholenumber.ErrFraction},
		{"100000000000000000000.5", 0, wholenumber.ErrFraction},
		{"9223372036854775808", 0, wholenumber.ErrRange}, {"9223372036854775808.0", 0, wholenumber.ErrRange},
		{"1e19", 0, wholenumber.ErrRange},
		{"-1e19", 0, wholenumber.ErrRange}, {"1e999999999", 0, wholenumber.ErrRange},
		{"1E400", 0, wholenumber.ErrRange},
		{"1e99999999999999999999999999", 0, wholenumber.ErrRange}, {strings.Repeat("9", 100), 0, wholenumber.ErrRange},
		{"", 0, wholenumber.ErrSyntax}, {"-", 0, wholenumber.ErrSyntax}, {"+1", 0, wholenumber.ErrSyntax},
		{"1_0", 0, wholenumber.ErrSyntax},
		{"0x10", 0, wholenumber.ErrSyntax}, {"1.", 0, wholenumber.ErrSyntax}, {".5", 0, wholenumber.ErrSyntax},
		{"1e", 0, wholenumber.ErrSyntax},
		{"1e+", 0, wholenumber.ErrSyntax}, {"1e1.5", 0, wholenumber.ErrSyntax}, {"NaN", 0, wholenumber.ErrSyntax},
		{" 1", 0, wholenumber.ErrSyntax},
		{"01", 0, wholenumber.ErrSyntax}, {"-01.0", 0, wholenumber.ErrSyntax}, {"00", 0, wholenumber.ErrSyntax},
	} {
		if got, err := wholenumber.Parse([]byte(c.text)); got != c.want || !errors.Is(err, c.err) || c.err == nil &&
			err != nil {
			t.Errorf("%.60s: %d, %v; want %d, %v", c.text, got, err, c.want, c.err)
		}
	}
}

// A short text may stand for a number of a billion digits, which must not be written out.
func TestParse_CostsNoMoreThanTheText(t *testing.T) {
	long := "1" + strings.Repeat("0", 1<<20) + "e-1048576"
	begin := time.Now()
	for range 100 {
		if n, err := wholenumber.Parse([]byte(long)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if each := time.Since(begin) / 100; each > 100*time.Millisecond {
		t.Errorf("a number of 1 MiB took %s", each)
	}
	for _, text := range []string{"1e999999999", "1e-999999999", "1.25e3", long} {
		number := []byte(text)
		if allocs := testing.AllocsPerRun(10, func() { _, _ = wholenumber.Parse(number) }); allocs > 0 {
			t.Errorf("%.20s: %v allocations", text, allocs)
		}
	}
}

// FuzzParse compares the answers with exact arithmetic.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0", "-1.5e1", "1250.5", "1e19", "9.223372036854775807e18", "0.1e-3", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := wholenumber.Parse([]byte(text))
		if strings.ContainsAny(text, "eE") && len(text) > 8 || errors.Is(err, wholenumber.ErrSyntax) {
			return // big.Rat would write the exponent out
		}
		exact, ok := new(big.Rat).SetString(text)
		switch {
		case !ok:
			t.Fatalf("%q is a number: %d, %v", text, got, err)
		case errors.Is(err, wholenumber.ErrFraction):
			if exact.IsInt() {
				t.Fatalf("%q is whole", text)
			}
		case errors.Is(err, wholenumber.ErrRange):
			if !exact.IsInt() || exact.Num().IsInt64() {
				t.Fatalf("%q is within range", text)
			}
		case err != nil || exact.Cmp(new(big.Rat).SetInt64(got)) != 0:
			t.Fatalf("%q: %d, %v", text, got, err)
		}
	})
}
