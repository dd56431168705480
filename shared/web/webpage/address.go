package webpage

import (
	"errors"
	"net/url"
)

// Address is where a browser finds another console, such as https://orders.example.com. It may be empty.
type Address string

// Check refuses what is neither empty nor the address of a site.
func (a Address) Check() error {
	if a == "" {
		return nil
	}
	u, err := url.Parse(string(a))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" {
		return errors.New("want an address for a browser, such as https://orders.example.com")
	}
	return nil
}
