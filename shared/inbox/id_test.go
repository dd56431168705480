package inbox

import (
	"encoding/hex"
	"strings"
	"testing"
)

// FuzzPackID turns keys back into ids. If two ids had one key, a message would be lost.
func FuzzPackID(f *testing.F) {
	for _, id := range []string{"", "1", "01890a5d-ac96-774b-8000-a8b45f0c6d21", "01890A5D-ac96-774b-8000-a8b45f0c6d21",
		"01890a5d-ac96-774b-8000_a8b45f0c6d21", "01890a5dac96774b8000a8b45f0c6d21", "0123456789abcdef"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		key := packID(id)
		back := string(key[1:])
		if key[0] == tagUUID {
			h := hex.EncodeToString(key[1:])
			back = strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
		}
		if back != id {
			t.Fatalf("%q came back as %q", id, back)
		}
	})
}
