package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A signer is a certificate authority of a test.
type signer struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newSigner(t testing.TB) *signer {
	s := &signer{t: t, pool: x509.NewCertPool()}
	s.cert, s.key = s.sign("test CA", nil)
	s.pool.AddCert(s.cert)
	return s
}

// sign makes a certificate; the first is the signer's own.
func (s *signer) sign(name string, change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: s.cert == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	if change != nil {
		change(c)
	}
	parent, parentKey := s.cert, s.key
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		s.t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		s.t.Fatal(err)
	}
	return c, key
}

// issue makes a certificate for a server or a client.
func (s *signer) issue(name string) tls.Certificate {
	cert, key := s.sign(name, nil)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// write makes the files of a server's certificate and of the signer's.
func (s *signer) write(name string) TLSConfig {
	folder := s.t.TempDir()
	cfg := TLSConfig{
		Cert: filepath.Join(folder, "cert.pem"), Key: filepath.Join(folder, "key.pem"), RootCAFile: filepath.Join(folder, "ca.pem"),
		MinVersion: tls10,
	}
	s.rewrite(cfg, name)
	writePEM(s.t, cfg.RootCAFile, "CERTIFICATE", s.cert.Raw)
	return cfg
}

// rewrite puts another certificate in the place of a server's.
func (s *signer) rewrite(cfg TLSConfig, name string) {
	cert, key := s.sign(name, nil)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	writePEM(s.t, cfg.Cert, "CERTIFICATE", cert.Raw)
	writePEM(s.t, cfg.Key, "EC PRIVATE KEY", der)
}

func writePEM(t testing.TB, name, kind string, der []byte) {
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
