package order

import (
	"strconv"
	"unicode/utf8"
)

// textRule is what a text field may contain. Control characters (C0, DEL, C1) are not allowed, because they disturb
// terminals, logs and tables. Only free text may contain tabs.
type textRule struct {
	atLeast, atMost int // characters
	tabs            bool
}

func identifier(atLeast, atMost int) textRule { return textRule{atLeast: atLeast, atMost: atMost} }
func freeText(atMost int) textRule            { return textRule{atMost: atMost, tabs: true} }

// ValidIdentifier reports whether text may be an order's source, reference or customer_id. It does not check for the
// empty text. atMost is the limit in characters.
func ValidIdentifier(text string, atMost int) bool {
	rule, _ := identifier(1, atMost).check(text)
	return rule == "" && utf8.ValidString(text)
}

// check returns the rule that text breaks and a sentence that says so. It returns "" if there is none.
func (r textRule) check(text string) (Rule, string) {
	if len(text) < r.atLeast {
		return RuleEmpty, "must not be empty"
	}
	// A text never has more characters than bytes.
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
