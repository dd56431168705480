package statistics

import (
	"bytes"
	"encoding/json"
	"math/big"
)

// Figure is the figure of a measure: a number, or numbers by currency, in minor units. One of both is nil.
type Figure struct {
	Number *big.Int
	By     map[string]*big.Int
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *Figure) UnmarshalJSON(text []byte) error {
	*f = Figure{}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return json.Unmarshal(text, &f.By)
	}
	return json.Unmarshal(text, &f.Number)
}

// MarshalJSON implements json.Marshaler.
func (f Figure) MarshalJSON() ([]byte, error) {
	if f.By != nil {
		return json.Marshal(f.By)
	}
	return json.Marshal(f.Number)
}
