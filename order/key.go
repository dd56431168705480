package order

// ValidKey reports whether key may be an idempotency key: 1 to MaxKey visible ASCII characters, '!' to '~'.
func ValidKey(key string) bool {
	if key == "" || len(key) > MaxKey {
		return false
	}
	for i := range len(key) {
		if key[i] < '!' || key[i] > '~' {
			return false
		}
	}
	return true
}
