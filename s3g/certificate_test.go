package s3g

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// WriteCertificate makes a certificate of that serial number in dir.
func WriteCertificate(t testing.TB, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// A new certificate is in use a second later; one that is broken is not, and the next
// that is whole is.
func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := WriteCertificate(t, dir, 1)
	c, err := newCertificate(certFile, keyFile, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.now = func() time.Time { return now }
	serial := func() int64 { return c.get().Leaf.SerialNumber.Int64() }
	check := func(when string, want int64) {
		t.Helper()
		if got := serial(); got != want {
			t.Errorf("%s: serial number %d, want %d", when, got, want)
		}
	}
	change := func(serial int64) {
		WriteCertificate(t, dir, serial)
		for _, name := range []string{certFile, keyFile} { // two writes in one tick of the file system's clock
			if err := os.Chtimes(name, now, now.Add(time.Duration(serial)*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
	}
	change(2)
	check("at once", 1)
	now = now.Add(lookEvery)
	check("a second later", 2)
	if err := os.WriteFile(keyFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	check("broken", 2)
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	check("gone", 2)
	change(3)
	now = now.Add(lookEvery)
	check("whole again", 3)
}
