package httpserver_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"ordertally/shared/httpserver"
	"ordertally/shared/problem"
)

func TestLargeAnswersHaveOneRoomAmongThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := httpserver.NewAnswers()
		var held []*httpserver.Held
		for range 16 {
			h, err := answers.Hold(t.Context(), 4<<20)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, h)
		}
		refused := func(bytes int) bool {
			t.Helper()
			h, err := answers.Hold(t.Context(), bytes)
			if err != nil {
				p, ok := errors.AsType[problem.Problem](err)
				if !ok || p.Status != http.StatusServiceUnavailable || p.Code != httpserver.KindOverloaded.Code {
					t.Errorf("%v", err)
				}
				return true
			}
			h.Release()
			return false
		}
		if !refused(1<<20) || refused(64<<10) {
			t.Error("a large answer has room, or a small one has none")
		}
		held[0].Shrink(3 << 20)
		if refused(1<<20) || !refused(2<<20) {
			t.Error("what an answer gave back is not to be had, or more than that is")
		}
		for range 2 {
			held[0].Release()
		}
		if refused(4<<20) || !refused(5<<20) {
			t.Error("what was released twice counts twice, or not at all")
		}
		waiting := make(chan error)
		go func() {
			_, err := answers.Hold(context.Background(), 5<<20)
			waiting <- err
		}()
		synctest.Wait()
		held[1].Release()
		if err := <-waiting; err != nil {
			t.Errorf("one that waits for room: %v", err)
		}
	})
}

func TestAnAnswerLargerThanTheRoomHasAllOfIt(t *testing.T) {
	h, err := httpserver.NewAnswers().Hold(t.Context(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	h.Release()
}
