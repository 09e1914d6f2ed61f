package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g"
)

// Run holds a store to what the gateway relies on. newStore returns a store that
// lives as long as its test; it may be the same one each time, buckets have names
// of their own.
func Run(t *testing.T, newStore func(t *testing.T) s3g.Store) {
	for _, tc := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"buckets", buckets}, {"objects", objects}, {"conditions", conditions}, {"failed body", failedBody},
		{"old version stays readable", oldVersion}, {"copy", copies}, {"tags", tags}, {"delete", deletes},
		{"listing", listings}, {"uploads", uploads}, {"encryption", encryption}, {"versions", versions}, {"object lock", objectLocks}, {"documents", documents},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fixture{t: t, Store: newStore(t), ctx: client.WithCaller(t.Context(), "suite")}
			f.bucket = f.newBucket(strings.ReplaceAll(tc.name, " ", "-"))
			tc.run(t, f)
		})
	}
}

// fixture is a store with a bucket.
type fixture struct {
	s3g.Store
	t      *testing.T
	ctx    context.Context
	bucket string
}

func (f *fixture) newBucket(name string) string {
	f.t.Helper()
	name = "storetest-" + name
	_, err := f.CreateBucket(f.ctx, client.CreateBucketOptions{Volume: "s3suite", Bucket: name, Owner: "suite", S3: true})
	f.must(err)
	return name
}

func (f *fixture) ref(key string) client.KeyRef {
	return client.KeyRef{BucketRef: client.S3Bucket(f.bucket), Key: key}
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) wants(err error, code ozerr.Code) {
	f.t.Helper()
	if !errors.Is(err, code) {
		f.t.Fatalf("got error %v, want %s", err, code)
	}
}

func (f *fixture) put(key, body string, o client.PutOptions) (client.Object, error) {
	if o.Seal == nil {
		o.Seal = func(int64) (client.Sealed, error) {
			return client.Sealed{ETag: "etag of " + body[:min(8, len(body))]}, nil
		}
	}
	return f.PutObject(f.ctx, f.ref(key), strings.NewReader(body), o)
}

func (f *fixture) read(o client.Object, off, n int64) string {
	f.t.Helper()
	r := f.ReadObject(f.ctx, o, off, n)
	defer func() { _ = r.Close() }()
	f.must(r.Ready())
	var b bytes.Buffer
	_, err := r.WriteTo(&b)
	f.must(err)
	return b.String()
}

func (f *fixture) equal(what string, got, want any) {
	f.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		f.t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func buckets(t *testing.T, f *fixture) {
	ref := client.S3Bucket(f.bucket)
	b, err := f.GetBucket(f.ctx, ref, "suite")
	f.must(err)
	f.equal("bucket", b.Name+b.Volume+b.Owner, f.bucket+"s3suite"+"suite")
	_, err = f.GetBucket(f.ctx, ref, "other")
	f.wants(err, ozerr.WrongBucketOwner)
	_, err = f.CreateBucket(f.ctx, client.CreateBucketOptions{Volume: "s3suite", Bucket: f.bucket, Owner: "suite", S3: true})
	f.wants(err, ozerr.BucketAlreadyOwned)
	_, err = f.CreateBucket(f.ctx, client.CreateBucketOptions{Volume: "s3other", Bucket: f.bucket, Owner: "other", S3: true})
	f.wants(err, ozerr.BucketAlreadyExists)
	_, err = f.GetBucket(f.ctx, client.S3Bucket("storetest-absent"), "")
	f.wants(err, ozerr.BucketNotFound)
	_, _, err = f.ListBuckets(f.ctx, client.ListBucketsOptions{Volume: "s3nobody-has-this"})
	f.wants(err, ozerr.VolumeNotFound)
	list, _, err := f.ListBuckets(f.ctx, client.ListBucketsOptions{Volume: "s3suite", Prefix: f.bucket})
	f.must(err)
	f.equal("listed", len(list), 1)
	_, err = f.put("k", "x", client.PutOptions{})
	f.must(err)
	f.wants(f.DeleteBucket(f.ctx, ref, ""), ozerr.BucketNotEmpty)
	_, err = f.DeleteObjects(f.ctx, ref, []client.DeleteKey{{Key: "k"}}, "")
	f.must(err)
	f.must(f.DeleteBucket(f.ctx, ref, "suite"))
	f.wants(f.DeleteBucket(f.ctx, ref, ""), ozerr.BucketNotFound)
}

func objects(t *testing.T, f *fixture) {
	meta := client.Meta{Metadata: map[string]string{"a": "1"}, Headers: map[string]string{"Content-Type": "text/plain"}, Tags: map[string]string{"t": "v"}}
	for _, size := range []int{0, 1, 4096, 1<<20 + 1, 5 << 20} {
		body := strings.Repeat("0123456789", size/10+1)[:size]
		put, err := f.put("k", body, client.PutOptions{Meta: meta})
		f.must(err)
		o, err := f.GetObject(f.ctx, f.ref("k"), "suite")
		f.must(err)
		f.equal("size", o.Size, size)
		f.equal("etag", o.ETag, put.ETag)
		f.equal("generation", o.Generation, put.Generation)
		f.equal("meta", o.Meta, meta)
		f.equal("whole", f.read(o, 0, -1) == body, true)
		if size > 100 {
			f.equal("range", f.read(o, int64(size)-100, 50), body[size-100:size-50])
		}
	}
	_, err := f.GetObject(f.ctx, f.ref("absent"), "")
	f.wants(err, ozerr.KeyNotFound)
	_, err = f.GetObject(f.ctx, f.ref("k"), "other")
	f.wants(err, ozerr.WrongBucketOwner)
	f.bucket = "storetest-absent"
	_, err = f.put("k", "x", client.PutOptions{})
	f.wants(err, ozerr.BucketNotFound)
}

func conditions(t *testing.T, f *fixture) {
	none := client.PutOptions{Condition: client.Condition{IfNoneMatch: []string{"*"}}}
	o, err := f.put("k", "one", none)
	f.must(err)
	_, err = f.put("k", "two", none)
	f.wants(err, ozerr.PreconditionFailed)
	_, err = f.put("k", "two", client.PutOptions{Condition: client.Condition{IfMatch: []string{"wrong"}}})
	f.wants(err, ozerr.PreconditionFailed)
	_, err = f.put("absent", "two", client.PutOptions{Condition: client.Condition{IfMatch: []string{o.ETag}}})
	f.wants(err, ozerr.KeyNotFound)
	_, err = f.put("k", "two", client.PutOptions{Condition: client.Condition{IfMatch: []string{o.ETag}}})
	f.must(err)
}

// failedBody: the error of a body or of its sealing comes out as it went in, and
// nothing is stored.
func failedBody(t *testing.T, f *fixture) {
	mine := errors.New("mine")
	broken := io.MultiReader(strings.NewReader("some bytes"), errorReader{mine})
	_, err := f.PutObject(f.ctx, f.ref("k"), broken, client.PutOptions{})
	f.equal("the error", errors.Is(err, mine), true)
	_, err = f.put("k", "x", client.PutOptions{Seal: func(int64) (client.Sealed, error) { return client.Sealed{}, mine }})
	f.equal("the error", errors.Is(err, mine), true)
	_, err = f.GetObject(f.ctx, f.ref("k"), "")
	f.wants(err, ozerr.KeyNotFound)
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func oldVersion(t *testing.T, f *fixture) {
	_, err := f.put("k", "old body", client.PutOptions{})
	f.must(err)
	old, err := f.GetObject(f.ctx, f.ref("k"), "")
	f.must(err)
	_, err = f.put("k", "new body, longer", client.PutOptions{})
	f.must(err)
	f.equal("old", f.read(old, 0, -1), "old body")
}

func copies(t *testing.T, f *fixture) {
	src, err := f.put("src", "body", client.PutOptions{Meta: client.Meta{Metadata: map[string]string{"a": "1"}, Tags: map[string]string{"t": "v"}}})
	f.must(err)
	o, err := f.CopyObject(f.ctx, f.ref("src"), f.ref("dst"), client.CopyOptions{})
	f.must(err)
	f.equal("etag", o.ETag, src.ETag)
	o, err = f.GetObject(f.ctx, f.ref("dst"), "")
	f.must(err)
	f.equal("meta", o.Meta.Metadata["a"]+o.Meta.Tags["t"], "1v")
	_, err = f.DeleteObjects(f.ctx, client.S3Bucket(f.bucket), []client.DeleteKey{{Key: "src"}}, "")
	f.must(err)
	f.equal("bytes outlive the source", f.read(o, 0, -1), "body")
	_, err = f.CopyObject(f.ctx, f.ref("dst"), f.ref("dst"), client.CopyOptions{ReplaceMetadata: true, Meta: client.Meta{Metadata: map[string]string{"b": "2"}}})
	f.must(err)
	o, err = f.GetObject(f.ctx, f.ref("dst"), "")
	f.must(err)
	f.equal("replaced", o.Meta.Metadata["a"]+o.Meta.Metadata["b"]+o.Meta.Tags["t"], "2v")
	_, err = f.CopyObject(f.ctx, f.ref("dst"), f.ref("x"), client.CopyOptions{SourceCondition: client.Condition{IfMatch: []string{"wrong"}}})
	f.wants(err, ozerr.PreconditionFailed)
	_, err = f.CopyObject(f.ctx, f.ref("absent"), f.ref("x"), client.CopyOptions{})
	f.wants(err, ozerr.KeyNotFound)
}

func tags(t *testing.T, f *fixture) {
	_, err := f.SetObjectTags(f.ctx, f.ref("k"), nil, "")
	f.wants(err, ozerr.KeyNotFound)
	_, err = f.put("k", "x", client.PutOptions{})
	f.must(err)
	_, err = f.SetObjectTags(f.ctx, f.ref("k"), map[string]string{"a": "1"}, "suite")
	f.must(err)
	_, err = f.SetObjectTags(f.ctx, f.ref("k"), nil, "other")
	f.wants(err, ozerr.WrongBucketOwner)
	o, err := f.GetObject(f.ctx, f.ref("k"), "")
	f.must(err)
	f.equal("tags", o.Meta.Tags, map[string]string{"a": "1"})
	f.equal("body", f.read(o, 0, -1), "x")
}

func deletes(t *testing.T, f *fixture) {
	o, err := f.put("k", "x", client.PutOptions{})
	f.must(err)
	res, err := f.DeleteObjects(f.ctx, client.S3Bucket(f.bucket), []client.DeleteKey{
		{Key: "k", Condition: client.Condition{IfMatch: []string{"wrong"}}},
		{Key: "absent"},
		{Key: "absent", MustExist: true},
		{Key: "k", Condition: client.Condition{IfMatch: []string{o.ETag}}},
	}, "")
	f.must(err)
	f.wants(res[0].Err, ozerr.PreconditionFailed)
	f.must(res[1].Err)
	f.equal("existed", res[1].Existed, false)
	f.wants(res[2].Err, ozerr.KeyNotFound)
	f.must(res[3].Err)
	f.equal("existed", res[3].Existed, true)
	_, err = f.GetObject(f.ctx, f.ref("k"), "")
	f.wants(err, ozerr.KeyNotFound)
}

func listings(t *testing.T, f *fixture) {
	for _, k := range []string{"a", "b/1", "b/2", "b0", "c/", "c/1", "d"} {
		_, err := f.put(k, "x", client.PutOptions{})
		f.must(err)
	}
	for _, tc := range []struct {
		o    client.ListOptions
		want string
	}{
		{client.ListOptions{}, "[a b/1 b/2 b0 c/ c/1 d] [] false"},
		{client.ListOptions{Delimiter: "/"}, "[a b0 d] [b/ c/] false"},
		{client.ListOptions{Delimiter: "/", After: "b/"}, "[b0 d] [c/] false"},
		{client.ListOptions{After: "b/"}, "[b/1 b/2 b0 c/ c/1 d] [] false"},
		{client.ListOptions{Delimiter: "/", Prefix: "b/", Limit: 1}, "[b/1] [] true"},
		{client.ListOptions{Delimiter: "/", Limit: 2}, "[a] [b/] true"},
		{client.ListOptions{Prefix: "c/", Delimiter: "/"}, "[c/ c/1] [] false"},
	} {
		l, err := f.ListObjects(f.ctx, client.S3Bucket(f.bucket), tc.o)
		f.must(err)
		keys := []string{}
		for _, o := range l.Objects {
			keys = append(keys, o.Key)
		}
		f.equal(fmt.Sprintf("%+v", tc.o), fmt.Sprint(keys, l.CommonPrefixes, l.Truncated), tc.want)
	}
	l, err := f.ListObjects(f.ctx, client.S3Bucket(f.bucket), client.ListOptions{Delimiter: "/", Limit: 2})
	f.must(err)
	f.equal("next", l.Next, "b/")
}

func uploads(t *testing.T, f *fixture) {
	up, err := f.CreateUpload(f.ctx, f.ref("k"), client.UploadOptions{Meta: client.Meta{Metadata: map[string]string{"a": "1"}}})
	f.must(err)
	ref := client.UploadRef{KeyRef: f.ref("k"), ID: up.ID}
	bodies := []string{strings.Repeat("p", 5<<20), "tail"}
	var parts []client.Part
	for i, body := range bodies {
		etag := fmt.Sprintf("%032x", i)
		p, err := f.PutPart(f.ctx, ref, i+1, strings.NewReader(body), client.PutOptions{Seal: func(int64) (client.Sealed, error) { return client.Sealed{ETag: etag}, nil }})
		f.must(err)
		parts = append(parts, client.Part{Number: p.Number, ETag: p.ETag})
	}
	listed, err := f.ListParts(f.ctx, ref, 0, 1)
	f.must(err)
	f.equal("parts", fmt.Sprint(len(listed.Parts), listed.Truncated), "1 true")
	f.wants(f.DeleteBucket(f.ctx, client.S3Bucket(f.bucket), ""), ozerr.BucketNotEmpty)
	o := client.CompleteOptions{ExpectedSize: -1}
	_, err = f.CompleteUpload(f.ctx, ref, []client.Part{parts[1], parts[0]}, o)
	f.wants(err, ozerr.InvalidPartOrder)
	_, err = f.CompleteUpload(f.ctx, ref, []client.Part{{Number: 7, ETag: "x"}}, o)
	f.wants(err, ozerr.InvalidPart)
	done, err := f.CompleteUpload(f.ctx, ref, parts, o)
	f.must(err)
	again, err := f.CompleteUpload(f.ctx, ref, parts, o)
	f.must(err)
	f.equal("same answer", again.ETag, done.ETag)
	obj, err := f.GetObject(f.ctx, f.ref("k"), "")
	f.must(err)
	f.equal("body", f.read(obj, 0, -1) == bodies[0]+bodies[1], true)
	f.equal("across parts", f.read(obj, 5<<20-1, 2), "pt")
	f.equal("parts", len(obj.Parts), 2)
	f.equal("metadata", obj.Meta.Metadata["a"], "1")
	f.wants(f.AbortUpload(f.ctx, ref), ozerr.NoSuchUpload)
}
