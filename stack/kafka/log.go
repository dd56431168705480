package kafka

import (
	"bytes"
	"fmt"
	"os"
)

// logTailLines is the number of log lines that an error shows. It covers a stack trace and what led to it.
const logTailLines = 40

// logTail returns the last lines of the broker's log.
func (k *Kafka) logTail() []byte {
	text, err := os.ReadFile(k.logFile)
	if err != nil {
		return fmt.Appendf(nil, "(%v)", err)
	}
	return lastLines(text)
}

func lastLines(text []byte) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-logTailLines):], nil)
}
