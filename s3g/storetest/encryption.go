package storetest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// expansion stores every byte twice, and so is an encryption as far as a store sees it:
// chunks of 1 byte with 1 more.
func expansion(salt string) *client.Encryption {
	return &client.Encryption{
		Kind: "SSE-C", Algorithm: "AES256", WrappedKey: []byte("key"), CustomerKeyMD5: "md5",
		Chunk: 1, Overhead: 1, Salt: []byte(salt),
	}
}

func doubled(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString(s[i:i+1] + s[i:i+1])
	}
	return b.String()
}

// sealedAs is a Seal that tells the plain size.
func sealedAs(size int) func(int64) (client.Sealed, error) {
	return func(int64) (client.Sealed, error) {
		return client.Sealed{ETag: fmt.Sprintf("%032x", size), Size: int64(size)}, nil
	}
}

// encryption: sizes are those of the plain bytes, reading gives the stored ones.
func encryption(t *testing.T, f *fixture) {
	e := expansion("salt")
	put := func(key, body string, size int) (client.Object, error) {
		return f.PutObject(f.ctx, f.ref(key), strings.NewReader(doubled(body)), client.PutOptions{Encryption: e, Seal: sealedAs(size)})
	}
	if _, err := put("wrong", "abc", 4); !errors.Is(err, ozerr.InvalidRequest) {
		t.Errorf("stored bytes that don't fit the size: %v", err)
	}
	made, err := put("k", "abcdef", 6)
	f.must(err)
	o, err := f.GetObject(f.ctx, f.ref("k"), "")
	f.must(err)
	for _, o := range []client.Object{made, o} {
		if o.Size != 6 || o.StoredSize() != 12 || o.Encryption == nil || o.Encryption.CustomerKeyMD5 != "md5" || string(o.Encryption.Salt) != "salt" {
			t.Errorf("%+v", o)
		}
	}
	for _, r := range [][2]int64{{0, -1}, {0, 12}, {3, 5}, {11, 10}, {12, 1}} {
		want := doubled("abcdef")[r[0]:]
		if n := r[1]; n >= 0 && n < int64(len(want)) {
			want = want[:n]
		}
		if got := f.read(o, r[0], r[1]); got != want {
			t.Errorf("read %v: %q, want %q", r, got, want)
		}
	}
	_, err = put("empty", "", 0)
	f.must(err)
	encryptedCopy(t, f, o)
	encryptedUpload(t, f)
}

func encryptedCopy(t *testing.T, f *fixture, o client.Object) {
	anew := expansion("salt")
	anew.Kind, anew.WrappedKey = "SSE-S3", []byte("wrapped anew")
	options := client.CopyOptions{Encryption: anew}
	_, err := f.CopyObject(f.ctx, f.ref("k"), f.ref("copy"), options)
	f.wants(err, ozerr.InvalidRequest) // the source isn't pinned
	options.SourceCondition.IfGeneration = o.Generation
	_, err = f.CopyObject(f.ctx, f.ref("k"), f.ref("copy"), options)
	f.must(err)
	copied, err := f.GetObject(f.ctx, f.ref("copy"), "")
	f.must(err)
	if e := copied.Encryption; e == nil || e.Kind != "SSE-S3" || string(e.WrappedKey) != "wrapped anew" || f.read(copied, 0, -1) != f.read(o, 0, -1) {
		t.Errorf("copy: %+v", copied)
	}
}

func encryptedUpload(t *testing.T, f *fixture) {
	up, err := f.CreateUpload(f.ctx, f.ref("up"), client.UploadOptions{Encryption: expansion("")})
	f.must(err)
	ref := client.UploadRef{KeyRef: f.ref("up"), ID: up.ID}
	again, err := f.GetUpload(f.ctx, ref)
	f.must(err)
	if up.Encryption == nil || again.Encryption == nil || again.Encryption.CustomerKeyMD5 != "md5" {
		t.Errorf("the upload: %+v, %+v", up, again)
	}
	body := strings.Repeat("0123456789", 5<<20/10)
	put := func(number int, body, salt string) error {
		_, err := f.PutPart(f.ctx, ref, number, io.Reader(strings.NewReader(doubled(body))), client.PutOptions{Encryption: expansion(salt), Seal: sealedAs(len(body))})
		return err
	}
	f.wants(put(1, "x", ""), ozerr.InvalidRequest) // a part without salt
	f.must(put(1, body, "s1"))
	f.must(put(2, "tail", "s2"))
	_, err = f.CompleteUpload(f.ctx, ref, []client.Part{
		{Number: 1, ETag: fmt.Sprintf("%032x", len(body))}, {Number: 2, ETag: fmt.Sprintf("%032x", 4)},
	}, client.CompleteOptions{ExpectedSize: int64(len(body)) + 4})
	f.must(err)
	o, err := f.GetObject(f.ctx, f.ref("up"), "")
	f.must(err)
	if o.Size != int64(len(body))+4 || o.StoredSize() != 2*o.Size || len(o.Parts) != 2 || string(o.Parts[1].Salt) != "s2" {
		t.Errorf("the object: %+v", o)
	}
	if got := f.read(o, 2*int64(len(body))-2, 4); got != "99tt" {
		t.Errorf("at the joint: %q", got)
	}
}
