package server

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync/atomic"
)

// certificates are what TLS connections are made with: files that can be read anew while the daemon runs.
type certificates struct {
	from    TLSConfig
	current atomic.Pointer[tls.Config]
}

// openCertificates reads them; nil if there are to be none.
func openCertificates(from TLSConfig) (*certificates, error) {
	if from.Cert == "" {
		return nil, nil
	}
	c := &certificates{from: from}
	if err := c.reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// reload reads the files again. Connections from now on are made with what they say; if it fails all stays as it was.
func (c *certificates) reload() error {
	pair, err := tls.LoadX509KeyPair(c.from.Cert, c.from.Key)
	if err != nil {
		return fmt.Errorf("failed to load TLS certificate: %w", err)
	}
	roots, err := readRoots(c.from.RootCAFile)
	if err != nil {
		return err
	}
	c.current.Store(&tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   c.from.clientAuth(),
		ClientCAs:    roots,
		MinVersion:   uint16(c.from.MinVersion),
	})
	return nil
}

// config is that of a server, which asks for the current certificates at each handshake.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:         uint16(c.from.MinVersion),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	}
}

// clientAuth is what clients have to show.
func (c TLSConfig) clientAuth() tls.ClientAuthType {
	switch c.ClientAuthPolicy {
	case "require":
		return tls.RequireAnyClientCert
	case "require-verify":
		return tls.RequireAndVerifyClientCert
	}
	return tls.NoClientCert
}

// readRoots reads the certificates of those who sign; nil without a file.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("failed to load root CA: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("failed to load root CA: no certificate in %s", file)
	}
	return roots, nil
}
