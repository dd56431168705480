package kafka

import (
	"strings"
	"testing"
)

func TestJavaVersion(t *testing.T) {
	for text, want := range map[string]int{
		"openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment": 17,
		`openjdk version "21" 2023-09-19`:                                     21,
		`openjdk version "25-ea" 2025-09-16`:                                  25,
		`java version "1.8.0_402"`:                                            8,
		"Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"11.0.2\"":     11,
	} {
		if got, err := javaVersion(text); err != nil || got != want {
			t.Errorf("javaVersion(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	if got, err := javaVersion("command not found"); err == nil {
		t.Errorf("a text without a version gives %d, want an error", got)
	}
}

func TestAvailable_NamesAllThatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("JAVA_HOME", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	err := Available()
	if err == nil {
		t.Fatal("a machine without programs is said to have all it needs")
	}
	for _, want := range []string{"no Java", "no Maven"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestAvailable_RefusesAnOldJava(t *testing.T) {
	bin := t.TempDir()
	script(t, bin, "java", `echo 'openjdk version "11.0.2"' >&2`)
	script(t, bin, "mvn", "exit 0")
	t.Setenv("PATH", bin)
	t.Setenv("JAVA_HOME", "")
	if err := Available(); err == nil || !strings.Contains(err.Error(), "Java 11") {
		t.Fatalf("Available() = %v, want an error that names Java 11", err)
	}
}

func TestPom_NamesItsVersion(t *testing.T) {
	if v := Version(); !strings.HasPrefix(v, "4.1.") {
		t.Fatalf("Version() = %q, want a 4.1 release", v)
	}
}
