package orderapi

import (
	"net/http"
	"strings"

	"ordertally/order"
	"ordertally/order/ack"
)

const (
	headerDurability = "Order-Durability"
	headerPrefer     = "Prefer"
	headerApplied    = "Preference-Applied"

	preferDurability = "durability"
	preferReturn     = "return"

	appliedKafka   = preferDurability + "=" + string(ack.Kafka)
	minimal        = "minimal"
	appliedMinimal = preferReturn + "=" + minimal
	appliedBoth    = appliedKafka + ", " + appliedMinimal
)

// durabilities are values of a header field. Nobody changes them.
var durabilities = map[ack.Durability][]string{ack.Local: {string(ack.Local)}, ack.Kafka: {string(ack.Kafka)}}

// acknowledge waits until an answer may leave, and sets its headers. It comes after the placement, so that admission
// measures only how long the file takes.
func (a *api) acknowledge(w http.ResponseWriter, r *http.Request, answer ack.Answer) (ack.Durability, error) {
	answer.Asked = preferred(r.Header.Values(headerPrefer), preferDurability) == string(ack.Kafka)
	durability, err := a.Acks.Wait(r.Context(), answer)
	if err != nil {
		return "", err
	}
	w.Header()[headerDurability] = durabilities[durability]
	if answer.Asked {
		w.Header().Set(headerApplied, appliedKafka)
	}
	return durability, nil
}

// confirmed updates what an answer says about the order's message, which Kafka has confirmed meanwhile.
func confirmed(p order.Publication) order.Publication {
	if p.State != order.Pending {
		return p
	}
	next := order.Publication{State: order.Published}
	if p.Attempts != nil {
		next.Attempts = new(*p.Attempts + 1)
	}
	return next
}

// preferred returns the value of a preference in Prefer headers (RFC 7240), or "". The first one of that name counts.
// Other preferences, and parameters behind a semicolon, do not matter. A malformed part says nothing.
func preferred(headers []string, name string) string {
	for _, header := range headers {
		for _, member := range splitQuoted(header, ',') {
			given, value, _ := strings.Cut(splitQuoted(member, ';')[0], "=")
			if !strings.EqualFold(trimBlank(given), name) {
				continue
			}
			value = trimBlank(value)
			if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
				value = unescaped(value[1 : n-1])
			}
			return value
		}
	}
	return ""
}

// splitQuoted splits text at each separator that is not in a quoted string.
func splitQuoted(text string, separator byte) (parts []string) {
	quoted, from := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case quoted && text[i] == '\\':
			i++
		case !quoted && text[i] == separator:
			parts, from = append(parts, text[from:i]), i+1
		}
	}
	return append(parts, text[from:])
}

// unescaped returns the content of a quoted string.
func unescaped(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

func trimBlank(text string) string { return strings.Trim(text, " \t") }
