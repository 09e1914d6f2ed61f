package s3err_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

func TestIsByCode(t *testing.T) {
	err := fmt.Errorf("put: %w", s3err.NoSuchKey.With("gone").WithField("Key", "k").WithStatus(410).Wrap(io.EOF))
	if !errors.Is(err, s3err.NoSuchKey) || errors.Is(err, s3err.NoSuchBucket) || !errors.Is(err, io.EOF) {
		t.Errorf("%v is not what it should be", err)
	}
	if got := err.Error(); got != "put: NoSuchKey: gone: EOF" {
		t.Errorf("got %q", got)
	}
}

// TestImmutable: the shared values never change, nor do copies share fields.
func TestImmutable(t *testing.T) {
	a := s3err.NoSuchKey.WithField("A", "1")
	b, c := a.WithField("B", "2"), a.WithField("C", "3")
	if len(a.Fields) != 1 || b.Fields[1].Name != "B" || c.Fields[1].Name != "C" {
		t.Errorf("fields are shared: %v %v %v", a.Fields, b.Fields, c.Fields)
	}
	_ = s3err.NoSuchKey.Withf("%d", 5)
	if e := s3err.NoSuchKey; e.Message != "The specified key does not exist." || e.Fields != nil || e.Status != 404 || e.Err != nil {
		t.Errorf("changed: %+v", e)
	}
}

func TestArgument(t *testing.T) {
	e := s3err.Argument("max-keys", "x", "bad")
	if e.Code != "InvalidArgument" || e.Status != 400 || e.Message != "bad" ||
		fmt.Sprint(e.Fields) != "[{ArgumentName max-keys} {ArgumentValue x}]" {
		t.Errorf("%+v", e)
	}
}
