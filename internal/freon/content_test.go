package freon

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestContentIsTheSameEverywhere(t *testing.T) {
	const size = period + 4711
	c := NewContent(size)
	whole, err := io.ReadAll(c.Reader())
	if err != nil || len(whole) != size {
		t.Fatal(len(whole), err)
	}
	sum := md5.Sum(whole)
	if c.ETag() != hex.EncodeToString(sum[:]) {
		t.Error("the ETag is not the MD5 of the body")
	}
	if err := iotest.TestReader(NewContent(1000).Reader(), whole[:1000]); err != nil {
		t.Error(err)
	}
	again, _ := io.ReadAll(NewContent(size).Reader())
	if !bytes.Equal(again, whole) {
		t.Error("another content differs")
	}
}

func TestVerifier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 3000).Draw(t, "size")
		data, _ := io.ReadAll(NewContent(int64(size)).Reader())
		wrong := rapid.IntRange(-1, size-1).Draw(t, "wrong byte")
		if wrong >= 0 {
			data[wrong] ^= 1
		}
		v := NewContent(0).Verifier()
		_, err := io.CopyBuffer(struct{ io.Writer }{v}, iotest.OneByteReader(bytes.NewReader(data)), make([]byte, 7))
		if err == nil {
			err = v.Close(int64(size))
		}
		if (wrong >= 0) != errors.Is(err, ErrContent) {
			t.Fatalf("byte %d of %d is wrong: %v", wrong, size, err)
		}
	})
	v := NewContent(0).Verifier()
	if err := v.Close(1); !errors.Is(err, ErrContent) {
		t.Errorf("a body that is too short: %v", err)
	}
}
