package rpc

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

const (
	nonceLen = 32
	proofLen = sha256.Size

	// proofTimeout bounds the exchange on the server: strangers may not hold connections.
	proofTimeout = 5 * time.Second

	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

type nonce [nonceLen]byte

// proof shows that the side knows key and saw both nonces. The sides differ, so that
// no one can be sent back his own.
func proof(key []byte, side string, client, server nonce) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("mini-ozone rpc " + side))
	mac.Write(client[:])
	mac.Write(server[:])
	return mac.Sum(nil)
}

// ProveClient is the client's part of the exchange on a connection that speaks something
// else than this package's frames afterwards, as om's raft does; ProveServer is the
// server's.
func ProveClient(nc net.Conn, key []byte, timeout time.Duration) error {
	if err := nc.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if err := proveClient(nc, key); err != nil {
		return err
	}
	return nc.SetDeadline(time.Time{})
}

// ProveServer is the counterpart of ProveClient. Strangers have a few seconds.
func ProveServer(nc net.Conn, key []byte) error { return proveServer(nc, key) }

// proveClient is the client's part of the exchange. ctx bounds it through the
// connection's deadline, which it leaves unset.
func proveClient(nc net.Conn, key []byte) error {
	mine, theirs, err := exchangeNonces(nc)
	if err != nil {
		return err
	}
	if _, err := nc.Write(proof(key, "client", mine, theirs)); err != nil {
		return err
	}
	var got [proofLen]byte
	if _, err := io.ReadFull(nc, got[:]); err != nil {
		return err
	}
	switch {
	case got == refusal:
		return ozerr.New(ozerr.AdminKeyRefused, "it has another admin key (ozone.admin.key.file, OZONE_ADMIN_KEY_FILE)")
	case !hmac.Equal(got[:], proof(key, "server", mine, theirs)):
		return ozerr.New(ozerr.AdminKeyRefused, "it does not know the admin key")
	}
	return nil
}

// refusal stands in the place of the server's proof when the client's is wrong.
var refusal [proofLen]byte

// proveServer is the server's part of the exchange. The client is told why it failed.
func proveServer(nc net.Conn, key []byte) error {
	err := checkClient(nc, key)
	if errors.Is(err, ozerr.AdminKeyRefused) {
		linger(nc)
	}
	return err
}

// greetOpen exchanges prefaces as a server without a key. A client that wants a proof
// is told that there is none, by our preface, before the connection ends.
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

func checkClient(nc net.Conn, key []byte) error {
	if err := nc.SetDeadline(time.Now().Add(proofTimeout)); err != nil {
		return err
	}
	mine, theirs, err := exchangeNonces(nc)
	if err != nil {
		return err
	}
	var got [proofLen]byte
	if _, err := io.ReadFull(nc, got[:]); err != nil {
		return err
	}
	if !hmac.Equal(got[:], proof(key, "client", theirs, mine)) {
		_, _ = nc.Write(refusal[:]) // the error says more
		return ozerr.New(ozerr.AdminKeyRefused, "the client has another admin key than this one")
	}
	if _, err := nc.Write(proof(key, "server", theirs, mine)); err != nil {
		return err
	}
	return nc.SetDeadline(time.Time{})
}

// exchangeNonces sends preface and nonce and reads the peer's.
func exchangeNonces(nc net.Conn) (mine, theirs nonce, err error) {
	_, _ = rand.Read(mine[:]) // never fails, see crypto/rand
	if _, err := nc.Write(append(preface(modeKeyed), mine[:]...)); err != nil {
		return mine, theirs, err
	}
	if err := expectPreface(nc, modeKeyed); err != nil {
		return mine, theirs, err
	}
	_, err = io.ReadFull(nc, theirs[:])
	return mine, theirs, err
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
	case mode == modeOpen && bytes.Equal(got[:], preface(modeKeyed)):
		return ozerr.New(ozerr.AdminKeyRefused, "it is in secure mode and wants the admin key (ozone.admin.key.file, OZONE_ADMIN_KEY_FILE)")
	case mode == modeKeyed && bytes.Equal(got[:], preface(modeOpen)):
		return ozerr.New(ozerr.AdminKeyRefused, "it is in open mode and has no admin key, but this side was given one")
	}
	return ozerr.New(ozerr.InvalidRequest, "the peer speaks something else, or another version: %x", got)
}
