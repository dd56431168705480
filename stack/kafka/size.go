package kafka

import (
	"os"
	"path/filepath"
)

// TopicBytes returns how many bytes the broker's log segments of topic have, without their indexes.
func (k *Kafka) TopicBytes(topic string) (bytes int64, err error) {
	segments, err := filepath.Glob(filepath.Join(k.dir, "data", topic+"-*", "*.log"))
	if err != nil {
		return 0, err
	}
	for _, segment := range segments {
		info, err := os.Stat(segment)
		if err != nil {
			return 0, err
		}
		bytes += info.Size()
	}
	return bytes, nil
}
