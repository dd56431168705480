package report

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ordertally/stack/kafka"
)

// Machine is what the figures depend on.
type Machine struct {
	Cores      int    `json:"cores"`
	Processor  string `json:"processor"`
	MemoryMiB  int    `json:"memory_mib"`
	Filesystem string `json:"filesystem"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	Kafka      string `json:"kafka"`
	// LoadBefore is the load average of a minute when the run began. On an idle machine it is close to 0.
	LoadBefore float64 `json:"load_before"`
}

// ThisMachine describes the machine and the disk of dir.
func ThisMachine(dir string) Machine {
	m := Machine{
		Cores: runtime.NumCPU(), Processor: processor(), MemoryMiB: memory(), Filesystem: filesystem(dir),
		Go: runtime.Version(), Kafka: "Apache Kafka " + kafka.Version() + " (started as its own scripts do, and warm)",
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = string(bytes.TrimRight(name.Sysname[:], "\x00")) + " " + release(name.Release[:])
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.LoadBefore, _ = strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	}
	return m
}

// release leaves out what the builder of a kernel added to its version.
func release(text []byte) string {
	version, _, _ := strings.Cut(string(bytes.TrimRight(text, "\x00")), "-")
	return version
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func memory() int {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int(info.Totalram * uint64(info.Unit) >> 20)
}

// filesystem returns the kind of file system that dir is on.
func filesystem(dir string) string {
	out, err := exec.Command("stat", "-f", "-c", "%T", dir).Output() //nolint:gosec,noctx // of our own directory
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// CommitOf returns the commit of the tree in dir, and whether there are changes on top of it.
func CommitOf(dir string) (commit string, changed bool) {
	git := func(args ...string) string {
		//nolint:gosec,noctx // as above
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	return git("rev-parse", "--short=12", "HEAD"), git("status", "--porcelain") != ""
}
