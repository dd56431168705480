package measure_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ordertally/activity/measure"
	"ordertally/shared/boltdb/codec"
)

// someEvent is what an event may have at a path.
type someEvent struct {
	numbers  []int64
	currency string
}

func (e *someEvent) Elements() int64 { return int64(len(e.numbers)) }

func (e *someEvent) Sum() (sum int64, err error) {
	for _, n := range e.numbers {
		sum += n
	}
	return sum, nil
}

func (e *someEvent) Group() (string, error)     { return e.currency, nil }
func (e *someEvent) Len() int                   { return len(e.numbers) }
func (e *someEvent) Text(i int) ([]byte, error) { return fmt.Append(nil, e.numbers[i]), nil }

func drawEvent(t *rapid.T, kind *measure.Kind) *someEvent {
	e := &someEvent{numbers: rapid.SliceOfN(rapid.Int64Range(0, math.MaxInt64/4), 0, 3).Draw(t, "numbers")}
	if kind.By {
		e.currency = rapid.SampledFrom([]string{"EUR", "GBP", "JPY"}).Draw(t, "currency")
	}
	return e
}

func encodedState(s measure.State) []byte {
	var record codec.Encoder
	s.Encode(&record)
	return record.Encoded()
}

// declared returns the ways in which a kind can be declared.
func declared(kind *measure.Kind) []*measure.Measure {
	all := []*measure.Measure{{Name: "figure", Kind: kind, Path: "path"}}
	if kind.By {
		all = append(all, &measure.Measure{Name: "figure", Kind: kind, Path: "path", By: "currency"})
	}
	return all
}

func TestKinds_HaveWordsAndCodesOfTheirOwn(t *testing.T) {
	words, codes := map[string]bool{}, map[byte]bool{}
	for _, kind := range measure.Kinds() {
		if words[kind.Word] || codes[kind.Code] || kind.Code == 0 || kind.Word == "" || kind.Says == "" {
			t.Errorf("%+v", kind)
		}
		words[kind.Word], codes[kind.Code] = true, true
		if measure.KindOf(kind.Code) != kind {
			t.Errorf("%s is not found by its code", kind.Word)
		}
		for _, usage := range kind.Usage() {
			if m, err := measure.Parse("name", usage); err != nil || m.Kind != kind || m.String() != usage {
				t.Errorf("%s: %v, %v", usage, m, err)
			}
		}
	}
	if measure.KindOf(0) != nil {
		t.Error("code 0 names a kind")
	}
}

// TestKinds_PartsMergeToTheWhole counts events as a whole and in parts, which are merged in any order, one of them read
// back from a record.
func TestKinds_PartsMergeToTheWhole(t *testing.T) {
	for _, kind := range measure.Kinds() {
		t.Run(kind.Word, rapid.MakeCheck(func(t *rapid.T) {
			whole := kind.New()
			parts := []measure.State{kind.New(), kind.New(), kind.New()}
			for range rapid.IntRange(0, 50).Draw(t, "events") {
				var v measure.Value
				if err := kind.Read(drawEvent(t, kind), &v); err != nil {
					t.Fatal(err)
				}
				whole.Add(&v)
				parts[rapid.IntRange(0, len(parts)-1).Draw(t, "part")].Add(&v)
			}
			read := kind.New()
			record := codec.NewDecoder(encodedState(parts[0]))
			if read.Decode(&record); record.End() != nil {
				t.Fatal(record.End())
			}
			parts[0] = read
			merged := kind.New()
			for _, i := range rapid.Permutation([]int{0, 1, 2}).Draw(t, "order") {
				before := encodedState(parts[i])
				merged.Merge(parts[i])
				if !bytes.Equal(before, encodedState(parts[i])) {
					t.Fatal("a part was changed")
				}
			}
			if !bytes.Equal(encodedState(merged), encodedState(whole)) {
				t.Fatalf("merged %x, whole %x", encodedState(merged), encodedState(whole))
			}
			for _, m := range declared(kind) {
				matches(t, kind.Form(m), whole.Render(m))
				matches(t, kind.Form(m), kind.New().Render(m))
				matches(t, kind.Details(m), whole.Details(m))
			}
		}))
	}
}

// matches holds what an answer has against its form.
func matches(t *rapid.T, form measure.Form, rendered any) {
	text, err := json.Marshal(rendered)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	matchesForm(t, form, value)
}

func matchesForm(t *rapid.T, form measure.Form, value any) {
	number, isNumber := value.(json.Number)
	object, isObject := value.(map[string]any)
	_, isBoolean := value.(bool)
	integer := isNumber && !strings.ContainsAny(number.String(), ".eE-")
	_, small := number.Int64()
	switch {
	case form.Type == measure.Integer && integer && small == nil,
		form.Type == measure.Wide && integer,
		form.Type == measure.Number && isNumber,
		form.Type == measure.Boolean && isBoolean:
	case form.Type == measure.Map && isObject:
		for _, of := range object {
			matchesForm(t, *form.Of, of)
		}
	case form.Type == measure.Object && isObject:
		for _, member := range form.Members {
			of, found := object[member.Name]
			delete(object, member.Name)
			if found {
				matchesForm(t, member.Form, of)
			} else if !member.Optional {
				t.Fatalf("%s is missing", member.Name)
			}
		}
		if len(object) > 0 {
			t.Fatalf("%v is in no form", object)
		}
	default:
		t.Fatalf("%v is no %s", value, form.Type)
	}
}

// TestKinds_StayBounded adds a great many different values to each kind.
func TestKinds_StayBounded(t *testing.T) {
	const most = 64 << 10 // bytes
	for _, kind := range measure.Kinds() {
		state := kind.New()
		for n := range int64(100_000) {
			state.Add(&measure.Value{Amount: n * n, Group: "GBP", Hash: uint64(n) * 0x9e3779b97f4a7c15, Known: true})
		}
		if size := len(encodedState(state)); size > most {
			t.Errorf("%s takes %d bytes after 100,000 events, most are %d", kind.Word, size, most)
		}
	}
}

// FuzzKinds reads any bytes as the state of any kind, and uses what came of it.
func FuzzKinds(f *testing.F) {
	for _, kind := range measure.Kinds() {
		state := kind.New()
		state.Add(&measure.Value{Amount: 7, Hash: 9, Known: true})
		f.Add(kind.Code, encodedState(state))
		f.Add(kind.Code, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
		f.Add(kind.Code, []byte("\x01\x00\x00\x00\x01\x00\x00")) // a group of no events has no mean
	}
	f.Fuzz(func(t *testing.T, code byte, encoded []byte) {
		kind := measure.KindOf(code)
		if kind == nil {
			return
		}
		state, record := kind.New(), codec.NewDecoder(encoded)
		if state.Decode(&record); record.End() != nil {
			return
		}
		other := kind.New()
		other.Merge(state)
		if !bytes.Equal(encodedState(other), encodedState(state)) {
			t.Fatalf("%s merges to something other than what it read: %x", kind.Word, encoded)
		}
		for _, m := range declared(kind) {
			for _, rendered := range []any{other.Render(m), other.Details(m)} {
				if _, err := json.Marshal(rendered); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
