package fieldtext_test

import (
	"reflect"
	"strings"
	"testing"

	"ordertally/shared/parked"
	"ordertally/shared/parked/parkedapi"
	"ordertally/shared/text/fieldtext"
	"ordertally/shared/web/problem"
)

func TestOf_IsTheCommentOfTheField(t *testing.T) {
	title := reflect.TypeFor[problem.Problem]()
	want := fieldtext.Text{Says: "The status in words. For people; it may change.", Example: "Too Many Requests"}
	if got := fieldtext.Of(title, "Title"); got != want {
		t.Errorf("a comment with an example and a second paragraph: %+v", got)
	}
	generic := reflect.TypeFor[parkedapi.Page[parked.AuditEntry]]()
	if got := fieldtext.Of(generic, "Parked"); !strings.HasPrefix(got.Says, "In the order") {
		t.Errorf("a field of a generic structure: %+v", got)
	}
	if got := fieldtext.Of(title, "None"); got != (fieldtext.Text{}) {
		t.Errorf("no field: %+v", got)
	}
}
