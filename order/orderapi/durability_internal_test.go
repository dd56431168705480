package orderapi

import "testing"

func TestPreferred_ReadsThePreferHeader(t *testing.T) {
	for _, tc := range []struct {
		headers []string
		want    string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"durability=kafka"}, "kafka"},
		{[]string{"Durability = kafka"}, "kafka"},
		{[]string{`durability="kafka"`}, "kafka"},
		{[]string{`durability="ka\fka"`}, "kafka"},
		{[]string{"respond-async, wait=10,\tdurability=kafka"}, "kafka"},
		{[]string{"respond-async", "durability=kafka"}, "kafka"},
		{[]string{"durability=kafka; strict=yes; x"}, "kafka"},
		{[]string{`note="a, durability=local", durability=kafka`}, "kafka"},
		{[]string{`note="a \", durability=local", durability=kafka`}, "kafka"},
		{[]string{"durability=local, durability=kafka"}, "local"}, // the first one counts
		{[]string{"durability=local", "durability=kafka"}, "local"},
		{[]string{"durability"}, ""},
		{[]string{"durability="}, ""},
		{[]string{`durability=""`}, ""},
		{[]string{"x; durability=kafka"}, ""}, // a parameter of another preference
		{[]string{`x="durability=kafka`}, ""}, // no end of the string
		{[]string{"durabilities=kafka"}, ""},
		{[]string{"durability=kafka=local"}, "kafka=local"},
		{[]string{`durability="`}, `"`},
		{[]string{`\`}, ""},
		{[]string{`"\`}, ""},
	} {
		if got := preferred(tc.headers, preferDurability); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.headers, got, tc.want)
		}
	}
}

func FuzzPreferred(f *testing.F) {
	f.Add("respond-async, durability=\"kafka\"; x=1")
	f.Add(`"\`)
	f.Fuzz(func(t *testing.T, header string) {
		alone := preferred([]string{header}, preferDurability)
		if behind := preferred([]string{"wait=10", header}, preferDurability); behind != alone {
			t.Errorf("%q: %q alone, %q behind another header", header, alone, behind)
		}
		if again := preferred([]string{"durability=kafka", header}, preferDurability); again != "kafka" {
			t.Errorf("%q replaces an earlier one: %q", header, again)
		}
	})
}
