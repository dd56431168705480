package order

import (
	"strconv"
	"unicode/utf8"
)

// textRule is what a text field may hold. No field may hold control characters (C0, DEL, C1), which would disturb
// terminals, logs and tables; free text alone may hold tabs.
type textRule struct {
	atLeast, atMost int // characters
	tabs            bool
}

func identifier(atLeast, atMost int) textRule { return textRule{atLeast: atLeast, atMost: atMost} }
func freeText(atMost int) textRule            { return textRule{atMost: atMost, tabs: true} }

// ValidIdentifier reports whether an order's source, reference or customer_id may be text, the empty one excepted.
// atMost is its limit in characters.
func ValidIdentifier(text string, atMost int) bool {
	rule, _ := identifier(1, atMost).check(text)
	return rule == "" && utf8.ValidString(text)
}

// check returns the rule that text breaks and the sentence that says so, "" for none.
func (r textRule) check(text string) (Rule, string) {
	if len(text) < r.atLeast {
		return RuleEmpty, "must not be empty"
	}
	// A text has at most as many characters as bytes.
	if len(text) > r.atMost {
		if n := utf8.RuneCountInString(text); n > r.atMost {
			return RuleTooLong, "has " + strconv.Itoa(n) + " characters, at most " + strconv.Itoa(r.atMost) +
				" are allowed"
		}
	}
	for _, c := range text {
		if (c < ' ' || c >= 0x7f && c < 0xa0) && (c != '\t' || !r.tabs) {
			return RuleInvalidCharacter, "must not contain the control character " + strconv.QuoteRuneToASCII(c)
		}
	}
	return "", ""
}
