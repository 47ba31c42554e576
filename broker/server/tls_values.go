package server

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// A TLSRequirement says who must use TLS. It is a flag.Value and reads true, false or tcp-https; alone it is true.
type TLSRequirement int

// The requirements, with upstream's numbers, which /config shows.
const (
	TLSNotRequired TLSRequirement = iota
	TLSRequiredExceptHTTP
	TLSRequired
)

var requirements = []string{TLSNotRequired: "false", TLSRequiredExceptHTTP: "tcp-https", TLSRequired: "true"}

// String implements flag.Value.
func (r *TLSRequirement) String() string { return requirements[*r] }

// IsBoolFlag says that the flag may stand without a value.
func (r *TLSRequirement) IsBoolFlag() bool { return true }

// Set implements flag.Value.
func (r *TLSRequirement) Set(word string) error {
	for i, name := range requirements {
		if strings.EqualFold(word, name) {
			*r = TLSRequirement(i)
			return nil
		}
	}
	return fmt.Errorf("%q: want true, false or tcp-https", word)
}

// A TLSVersion is a version of TLS, by its number in the protocol. It is a flag.Value and reads tls1.0 to tls1.3.
type TLSVersion uint16

const tls10 TLSVersion = tls.VersionTLS10

// String implements flag.Value.
func (v *TLSVersion) String() string {
	if *v < tls10 {
		return ""
	}
	return fmt.Sprintf("tls1.%d", *v-tls10)
}

// Set implements flag.Value. The empty word, which stands in upstream's sample of a config file, leaves it as it is.
func (v *TLSVersion) Set(word string) error {
	if word == "" {
		return nil
	}
	for n := tls10; n <= tls.VersionTLS13; n++ {
		if strings.EqualFold(word, n.String()) {
			*v = n
			return nil
		}
	}
	return fmt.Errorf("%q: want tls1.0, tls1.1, tls1.2 or tls1.3", word)
}
