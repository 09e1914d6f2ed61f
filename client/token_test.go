package client

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// slowBody takes a while for each read.
type slowBody struct {
	io.Reader
	pace time.Duration
}

func (b slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.pace) // of the bubble's time
	return b.Reader.Read(p)
}

// A write or a read may take longer than a block token is good for, and blames nobody.
func TestTokensOfSlowTransfers(t *testing.T) {
	w := newWorld(3, 3, 2)
	w.tokenLife = time.Hour
	inWorld(t, w, func(t *testing.T, c *Client) {
		data := testBytes(2000, 1)
		body := slowBody{iotest.OneByteReader(bytes.NewReader(data)), 10 * time.Second} // 5½ hours
		if _, err := c.PutObject(t.Context(), keyNamed("k"), body, PutOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, b := range w.keys["k"].Blocks {
			if len(b.Token) > 0 {
				t.Error("a token is in the log")
			}
		}
		o, err := c.GetObject(t.Context(), keyNamed("k"), "")
		if err != nil {
			t.Fatal(err)
		}
		r := c.ReadObject(t.Context(), o, 0, -1)
		defer r.Close()
		var got []byte
		for i := 0; ; i++ {
			if i%300 == 0 {
				time.Sleep(70 * time.Minute)
			}
			var b [1]byte
			n, err := r.Read(b[:])
			got = append(got, b[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("after %d bytes: %v", len(got), err)
			}
		}
		if !bytes.Equal(got, data) {
			t.Errorf("%d bytes, not those that were written", len(got))
		}
		if len(w.reports) > 0 {
			t.Errorf("somebody was blamed: %s", w.reasons())
		}
	})
}

// New tokens are no way to bytes of another object: who reads on after it was replaced
// gets an error.
func TestTokensOfAReplacedObject(t *testing.T) {
	w := newWorld(3, 3, 2)
	w.tokenLife = time.Hour
	inWorld(t, w, func(t *testing.T, c *Client) {
		mustPut(t, c, "k", testBytes(3000, 1))
		o, err := c.GetObject(t.Context(), keyNamed("k"), "")
		if err != nil {
			t.Fatal(err)
		}
		mustPut(t, c, "k", testBytes(2999, 2))
		r := c.ReadObject(t.Context(), o, 0, -1)
		defer r.Close()
		time.Sleep(2 * time.Hour)
		if got, err := io.ReadAll(r); !errors.Is(err, ozerr.KeyNotFound) || len(got) > 0 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}
