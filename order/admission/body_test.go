package admission_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"ordertally/order/admission"
)

const mib = 1 << 20

func noRoom(err error) bool {
	refusal, ok := errors.AsType[*admission.Refusal](err)
	return ok && refusal.Reason == admission.Bodies
}

// The room is 64 MiB. A body takes no more than the largest one allowed, even if it claims to be longer.
func TestGate_KeepsOutOnlyLargeBodiesForLargeBodies(t *testing.T) {
	g := admission.Unlimited()
	var passes []*admission.Pass
	for i := range 64 {
		pass, err := g.Arrive("", []int64{mib, 5 * mib}[i%2], mib)
		if err != nil {
			t.Fatal(i, err)
		}
		passes = append(passes, pass)
	}
	refused, err := g.Arrive("", 100<<10, mib)
	if !noRoom(err) {
		t.Errorf("one too many: %v", err)
	}
	refused.Leave()
	if small, err := g.Arrive("", 64<<10, mib); err != nil {
		t.Errorf("a small one: %v", err)
	} else {
		small.Leave()
	}
	passes[0].Leave()
	if _, err := g.Arrive("", mib, mib); err != nil {
		t.Errorf("after one has left: %v", err)
	}
}

func TestGate_GivesOneClientAShareOfTheLargeBodies(t *testing.T) {
	g := admission.Unlimited()
	for client := range 4 {
		name := fmt.Sprint("client ", client)
		for i := range 16 {
			if _, err := g.Arrive(name, mib, mib); err != nil {
				t.Fatal(name, i, err)
			}
		}
		if _, err := g.Arrive(name, 100<<10, mib); !noRoom(err) {
			t.Errorf("%s has more than its share: %v", name, err)
		}
	}
	if _, err := g.Arrive("another", 100<<10, mib); !noRoom(err) {
		t.Errorf("there is more than all: %v", err)
	}
}

func TestPass_CountsABodyOfUnknownLengthOnceItIsLarge(t *testing.T) {
	g := admission.Unlimited()
	read := func(bytes int) (*admission.Pass, error) {
		t.Helper()
		pass, err := g.Arrive("", -1, mib)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(pass.Body(io.NopCloser(strings.NewReader(strings.Repeat("x", bytes)))))
		if err == nil && len(got) != bytes {
			t.Errorf("%d bytes of %d were read", len(got), bytes)
		}
		return pass, err
	}
	for range 100 {
		if _, err := read(64 << 10); err != nil {
			t.Fatal(err)
		}
	}
	var last *admission.Pass
	for i := range 64 {
		pass, err := read(64<<10 + 1)
		if err != nil {
			t.Fatal(i, err)
		}
		last = pass
	}
	refused, err := read(64<<10 + 1)
	if !noRoom(err) {
		t.Errorf("a large one too many: %v", err)
	}
	refused.Leave()
	if _, err := read(64 << 10); err != nil {
		t.Errorf("a small one: %v", err)
	}
	last.Leave()
	last.Leave()
	if _, err := g.Arrive("", mib, mib); err != nil {
		t.Errorf("after one has left: %v", err)
	}
	if _, err := g.Arrive("", 100<<10, mib); !noRoom(err) {
		t.Errorf("one that left twice gave back twice: %v", err)
	}
}
