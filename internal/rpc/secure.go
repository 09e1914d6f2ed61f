package rpc

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

const (
	// secureTimeout bounds the handshake on the server: strangers may not hold connections.
	secureTimeout = 5 * time.Second

	lingerTime  = time.Second
	lingerBytes = 1 << 20

	// clusterName stands in the certificate of every holder of the key.
	clusterName = "mini-ozone"
)

// Credentials make connections secure by a key that both ends have: TLS 1.3 with a
// certificate on both sides, signed by an authority whose own key is derived from that
// key. So only who has the key can make a certificate, or is taken for a server; each
// process makes its own, which lives as long as the process and never leaves it.
type Credentials struct {
	client, server *tls.Config
	strangers      strangers
}

// NewCredentials derives credentials for one protocol from a key. Ends that speak
// different protocols refuse each other.
func NewCredentials(key []byte, protocol string) (*Credentials, error) {
	seed, err := hkdf.Key(sha256.New, key, nil, "mini-ozone cluster authority", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	authorityKey := ed25519.NewKeyFromSeed(seed)
	authority, err := certificate(clusterName+" authority", authorityKey.Public().(ed25519.PublicKey), nil, authorityKey)
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	own, err := certificate(clusterName, public, authority, authorityKey)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	config := &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{{Certificate: [][]byte{own.Raw}, PrivateKey: private, Leaf: own}},
		NextProtos:   []string{protocol},
		RootCAs:      pool, ServerName: clusterName, // as client
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, // as server
		SessionTicketsDisabled:      true, // each connection proves the key anew
		DynamicRecordSizingDisabled: true,
	}
	return &Credentials{client: config, server: config.Clone()}, nil
}

// certificate is one for the holder of public, signed by issuer's key; nil: by itself. It
// is valid for as long as there are dates, as clocks may be wrong: the credentials are
// changed by changing the key.
func certificate(name string, public ed25519.PublicKey, issuer *x509.Certificate, issuerKey ed25519.PrivateKey) (*x509.Certificate, error) {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
		BasicConstraintsValid: true,
	}
	if issuer == nil {
		issuer, c.IsCA, c.KeyUsage = c, true, x509.KeyUsageCertSign
	} else {
		c.DNSNames, c.KeyUsage = []string{name}, x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, public, issuerKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Client makes nc, which has just been dialed, secure. ctx bounds that, not the
// connection. The error has ozerr.AdminKeyRefused if the server doesn't know the key or
// does not take ours; then, as with any error, nc is to be closed.
func (c *Credentials) Client(ctx context.Context, nc net.Conn) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Now()) })
	sc, err := c.dial(nc)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return sc, nil
}

func (c *Credentials) dial(nc net.Conn) (net.Conn, error) {
	if _, err := nc.Write(preface(modeSecure)); err != nil {
		return nil, err
	}
	if err := expectPreface(nc, modeSecure); err != nil {
		return nil, err
	}
	sc := newSecureConn(nc, func(nc net.Conn) *tls.Conn { return tls.Client(nc, c.client) })
	err := sc.Handshake()
	if err == nil {
		// A client has done its part before the server has judged it.
		err = expectPreface(sc, modeSecure)
	}
	var unknown *tls.CertificateVerificationError
	var told *net.OpError
	switch {
	case errors.As(err, &unknown):
		return nil, ozerr.New(ozerr.AdminKeyRefused, "it has another admin key (ozone.admin.key.file, OZONE_ADMIN_KEY_FILE), or none")
	case errors.As(err, &told) && told.Op == "remote error":
		return nil, ozerr.New(ozerr.AdminKeyRefused, "it has another admin key, or does not take ours: %v", told.Err)
	case err != nil:
		return nil, err
	}
	return sc, nil
}

// Server makes nc, which has just been accepted, secure. Strangers have a few seconds, and
// are told what is wrong if it's an honest mistake; with too many of them the one that is
// there for longest is closed. After an error nc is to be closed.
func (c *Credentials) Server(nc net.Conn) (net.Conn, error) {
	defer c.strangers.add(nc)()
	sc, err := c.accept(nc)
	if err != nil {
		linger(nc)
		return nil, err
	}
	return sc, nil
}

func (c *Credentials) accept(nc net.Conn) (net.Conn, error) {
	if err := nc.SetDeadline(time.Now().Add(secureTimeout)); err != nil {
		return nil, err
	}
	if _, err := nc.Write(preface(modeSecure)); err != nil {
		return nil, err
	}
	if err := expectPreface(nc, modeSecure); err != nil {
		return nil, err
	}
	sc := newSecureConn(nc, func(nc net.Conn) *tls.Conn { return tls.Server(nc, c.server) })
	if err := sc.Handshake(); err != nil {
		return nil, err
	}
	if _, err := sc.Write(preface(modeSecure)); err != nil {
		return nil, err
	}
	return sc, nc.SetDeadline(time.Time{})
}

// secureConn is a connection under TLS. Close ends it without TLS's farewell, which could
// wait for a peer that doesn't read: what travels here says its own length, so a
// connection that is cut off is never taken for one that ended.
type secureConn struct {
	*tls.Conn
	batch *batchConn
}

func newSecureConn(nc net.Conn, over func(net.Conn) *tls.Conn) *secureConn {
	b := &batchConn{Conn: nc, in: nc}
	return &secureConn{Conn: over(b), batch: b}
}

// Handshake makes the connection secure.
func (c *secureConn) Handshake() error {
	err := c.Conn.Handshake()
	c.batch.in = bufio.NewReaderSize(c.batch.Conn, batchBytes)
	return err
}

// Write implements net.Conn.
func (c *secureConn) Write(p []byte) (int, error) {
	c.batch.hold()
	n, err := c.Conn.Write(p)
	return n, errors.Join(err, c.batch.release())
}

// Close implements net.Conn.
func (c *secureConn) Close() error { return c.batch.Close() }

// batchBytes of TLS records, which have 16 KiB, share a system call.
const batchBytes = 64 << 10

// batchConn is what TLS writes to and reads from.
type batchConn struct {
	net.Conn
	in io.Reader // nc, and after the handshake a buffer before it: strangers get none

	mu      sync.Mutex
	holding bool
	out     []byte // held back until release, or until it is full
}

func (b *batchConn) Read(p []byte) (int, error) { return b.in.Read(p) }

func (b *batchConn) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.holding {
		return b.Conn.Write(p)
	}
	if len(b.out)+len(p) > batchBytes {
		if err := b.flush(); err != nil {
			return 0, err
		}
	}
	b.out = append(b.out, p...)
	return len(p), nil
}

func (b *batchConn) hold() {
	b.mu.Lock()
	b.holding = true
	b.mu.Unlock()
}

func (b *batchConn) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holding = false
	return b.flush()
}

// flush writes what is held back. b.mu is held.
func (b *batchConn) flush() error {
	if len(b.out) == 0 {
		return nil
	}
	_, err := b.Conn.Write(b.out)
	b.out = b.out[:0]
	return err
}

// greetOpen exchanges prefaces as a server without a key. A client that wants a secure
// connection is told that there is none, by our preface, before the connection ends.
func greetOpen(nc net.Conn, timeout time.Duration) error {
	if err := nc.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := nc.Write(preface(modeOpen)); err != nil {
		return err
	}
	err := expectPreface(nc, modeOpen)
	if errors.Is(err, ozerr.AdminKeyRefused) {
		linger(nc)
	}
	if err != nil {
		return err
	}
	return nc.SetDeadline(time.Time{})
}

// linger waits for a refused peer to end the connection: what it has sent and nobody
// read would otherwise reset the connection under what it is to read.
func linger(nc net.Conn) {
	if c, ok := nc.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // the connection is closed soon anyway
	}
	_ = nc.SetDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, nc, lingerBytes)
}

// expectPreface checks how the peer begins.
func expectPreface(r io.Reader, mode byte) error {
	var got [prefaceLen]byte
	if _, err := io.ReadFull(r, got[:]); err != nil {
		return err
	}
	switch {
	case bytes.Equal(got[:], preface(mode)):
		return nil
	case mode == modeOpen && bytes.Equal(got[:], preface(modeSecure)):
		return ozerr.New(ozerr.AdminKeyRefused, "it is in secure mode and wants the admin key (ozone.admin.key.file, OZONE_ADMIN_KEY_FILE)")
	case mode == modeSecure && bytes.Equal(got[:], preface(modeOpen)):
		return ozerr.New(ozerr.AdminKeyRefused, "it is in open mode and has no admin key, but this side was given one")
	case bytes.Equal(got[:], preface(modeKeyed)):
		return ozerr.New(ozerr.AdminKeyRefused, "it is of an older version, which does not encrypt: update it")
	}
	return ozerr.New(ozerr.InvalidRequest, "the peer speaks something else, or another version: %x", got)
}
