package fairshare_test

import (
	"testing"

	"ordertally/shared/service/fairshare"
)

// order gives all that wait their turn, one after the other, and returns their names in that order.
func order(t *testing.T, holding *fairshare.Turn, waiting map[string]*fairshare.Turn) (names []string) {
	t.Helper()
	for len(waiting) > 0 {
		holding.End()
		holding = nil
		for name, turn := range waiting {
			select {
			case <-turn.Ready():
				if holding != nil {
					t.Fatal("two have their turn at once")
				}
				names, holding = append(names, name), turn
				delete(waiting, name)
			default:
			}
		}
		if holding == nil {
			t.Fatalf("nobody has its turn after %v, and %d wait", names, len(waiting))
		}
	}
	holding.End()
	return names
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

func TestTurns_GoByClient(t *testing.T) {
	turns := fairshare.NewTurns(1)
	holding := turns.Enter("greedy")
	<-holding.Ready()
	waiting := map[string]*fairshare.Turn{
		"greedy 1": turns.Enter("greedy"), "greedy 2": nil, "greedy 3": nil, "till": nil, "shop": nil,
	}
	for _, name := range []string{"greedy 2", "greedy 3"} {
		waiting[name] = turns.Enter("greedy")
	}
	waiting["till"], waiting["shop"] = turns.Enter("till"), turns.Enter("shop")
	equal(t, order(t, holding, waiting), "greedy 1", "till", "shop", "greedy 2", "greedy 3")
}

// A request that another client joins does not wait behind the greedy client's other requests.
func TestTurns_WhatOthersWaitForTooComesSooner(t *testing.T) {
	turns := fairshare.NewTurns(1)
	holding := turns.Enter("greedy")
	<-holding.Ready()
	waiting := map[string]*fairshare.Turn{}
	for _, name := range []string{"a", "b", "c", "shared"} {
		waiting[name] = turns.Enter("greedy")
	}
	waiting["shared"].Also("till")
	equal(t, order(t, holding, waiting), "a", "shared", "b", "c")
}

// A turn that nobody waits for goes to others, and never twice.
func TestTurns_ThatNobodyWaitsForAnyMore(t *testing.T) {
	turns := fairshare.NewTurns(2)
	first, second := turns.Enter("a"), turns.Enter("a")
	<-first.Ready()
	<-second.Ready()
	gone, stays := turns.Enter("b", "c"), turns.Enter("b")
	gone.End()
	gone.End()
	first.End()
	<-stays.Ready()
	select {
	case <-gone.Ready():
		t.Error("who has gone has a turn")
	default:
	}
	first.End() // a second time: returns nothing
	third := turns.Enter("c")
	select {
	case <-third.Ready():
		t.Error("three have a turn")
	default:
	}
	second.End()
	<-third.Ready()
	third.End()
	stays.End()
	for range 2 {
		<-turns.Enter("z").Ready()
	}
}
