package bulk

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The declarations in librdkafka.h are copied by hand. They must be those of the version that go.mod names.
func TestInterface_IsThatOfTheLibrary(t *testing.T) {
	where, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/confluentinc/confluent-kafka-go/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	headers := filepath.Join(strings.TrimSpace(string(where)), "kafka", "librdkafka_vendor")
	compile := func(flags ...string) string {
		args := append(flags, "-std=c11", "-Wall", "-Wno-main", "-Werror", "-O0", "-S", "-o", "-", "interface.c")
		command := exec.CommandContext(t.Context(), "cc", args...)
		command.Dir = "testdata"
		var said strings.Builder
		command.Stderr = &said
		made, err := command.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, said.String())
		}
		return string(made)
	}
	if ours, theirs := compile(), compile("-DTHEIRS", "-I"+headers); ours != theirs {
		t.Errorf("ours:\n%s\nthe library's:\n%s", ours, theirs)
	}
}
