package httpapi

import (
	"crypto/tls"
	"fmt"
	"slices"
)

// suites are the cipher suites that nsqd knows by name. Those of TLS 1.3 are not among them.
var suites = []uint16{
	tls.TLS_RSA_WITH_RC4_128_SHA,
	tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA,
	tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
}

// cipherSuite is what /stats calls a cipher suite.
func cipherSuite(number uint16) string {
	if slices.Contains(suites, number) {
		return tls.CipherSuiteName(number)
	}
	return fmt.Sprintf("Unknown %d", number)
}

// tlsVersion is what /stats calls a version of TLS.
func tlsVersion(number uint16) string {
	if number < tls.VersionTLS10 || number > tls.VersionTLS13 {
		return fmt.Sprintf("Unknown %d", number)
	}
	return fmt.Sprintf("TLS1.%d", number-tls.VersionTLS10)
}
