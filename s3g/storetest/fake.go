// Package storetest has a store in memory for tests of the gateway, and the suite
// that it and the real client must pass alike.
package storetest

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// Fake is a store in maps. It decides as om does and keeps nothing. The zero
// value is not usable; NewFake makes one.
type Fake struct {
	mu         sync.Mutex
	fail       error
	generation uint64
	volumes    map[string]map[string]*fakeBucket
	s3         map[string]*fakeBucket
	now        func() time.Time
}

// fakeBucket is a bucket and all that is in it.
type fakeBucket struct {
	client.Bucket
	objects map[string]*fakeObject
	uploads map[string]*fakeUpload
	done    map[string]completed
}

// fakeObject is the newest version of a key. Bytes are never changed in place.
type fakeObject struct {
	client.Object
	data  []byte
	older map[uint64][]byte // the version before, for readers that hold it
}

// NewFake returns an empty store.
func NewFake() *Fake {
	return &Fake{volumes: map[string]map[string]*fakeBucket{}, s3: map[string]*fakeBucket{}, now: time.Now}
}

// Fail makes every call return err, until it is called with nil: a store that is
// down.
func (f *Fake) Fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// CreateBucket implements s3g.Buckets.
func (f *Fake) CreateBucket(ctx context.Context, o client.CreateBucketOptions) (client.Bucket, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return client.Bucket{}, f.fail
	}
	if o.Owner == "" {
		o.Owner = client.Caller(ctx)
	}
	if b := f.s3[o.Bucket]; b != nil && o.S3 {
		if b.Owner == o.Owner {
			return b.Bucket, ozerr.New(ozerr.BucketAlreadyOwned, "bucket %s is already yours", o.Bucket)
		}
		return client.Bucket{}, ozerr.New(ozerr.BucketAlreadyExists, "bucket %s exists", o.Bucket)
	}
	v := f.volumes[o.Volume]
	if v == nil {
		v = map[string]*fakeBucket{}
		f.volumes[o.Volume] = v
	}
	if o.Replication == "" {
		o.Replication = "ONE"
	}
	now := f.now()
	b := &fakeBucket{
		Bucket: client.Bucket{
			Volume: o.Volume, Name: o.Bucket, Owner: o.Owner, Created: now, Modified: now,
			Replication: o.Replication, Location: o.Location, S3: o.S3,
		},
		objects: map[string]*fakeObject{}, uploads: map[string]*fakeUpload{}, done: map[string]completed{},
	}
	v[o.Bucket] = b
	if o.S3 {
		f.s3[o.Bucket] = b
	}
	return b.Bucket, nil
}

// bucket finds a bucket; f.mu is held.
func (f *Fake) bucket(ref client.BucketRef, owner string) (*fakeBucket, error) {
	if f.fail != nil {
		return nil, f.fail
	}
	b := f.s3[ref.Bucket]
	if ref.Volume != "" {
		b = f.volumes[ref.Volume][ref.Bucket]
	}
	if b == nil {
		return nil, ozerr.New(ozerr.BucketNotFound, "bucket %s does not exist", ref.Bucket)
	}
	if owner != "" && owner != b.Owner {
		return nil, ozerr.New(ozerr.WrongBucketOwner, "bucket %s has another owner", ref.Bucket)
	}
	return b, nil
}

// DeleteBucket implements s3g.Buckets.
func (f *Fake) DeleteBucket(_ context.Context, ref client.BucketRef, owner string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref, owner)
	if err != nil {
		return err
	}
	if len(b.objects) > 0 || len(b.uploads) > 0 {
		return ozerr.New(ozerr.BucketNotEmpty, "bucket %s is not empty", ref.Bucket)
	}
	delete(f.volumes[b.Volume], b.Name)
	delete(f.s3, b.Name)
	return nil
}

// GetBucket implements s3g.Buckets.
func (f *Fake) GetBucket(_ context.Context, ref client.BucketRef, owner string) (client.Bucket, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref, owner)
	if err != nil {
		return client.Bucket{}, err
	}
	return b.Bucket, nil
}

// ListBuckets implements s3g.Buckets.
func (f *Fake) ListBuckets(_ context.Context, o client.ListBucketsOptions) ([]client.Bucket, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, false, f.fail
	}
	from := f.s3
	if o.Volume != "" {
		if from = f.volumes[o.Volume]; from == nil {
			return nil, false, ozerr.New(ozerr.VolumeNotFound, "volume %s does not exist", o.Volume)
		}
	}
	limit := o.Limit
	if limit <= 0 || limit > 1000 {
		limit = 1000
	}
	var out []client.Bucket
	for _, name := range slices.Sorted(maps.Keys(from)) {
		b := from[name]
		if name <= o.After || !strings.HasPrefix(name, o.Prefix) || o.Owner != "" && o.Owner != b.Owner {
			continue
		}
		if len(out) == limit {
			return out, true, nil
		}
		out = append(out, b.Bucket)
	}
	return out, false, nil
}

// PutObject implements s3g.Objects.
func (f *Fake) PutObject(ctx context.Context, ref client.KeyRef, body io.Reader, o client.PutOptions) (client.Object, error) {
	data, sealed, err := drain(body, o)
	if err != nil {
		return client.Object{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref.BucketRef, o.ExpectedOwner)
	if err != nil {
		return client.Object{}, err
	}
	return f.put(ctx, b, ref.Key, data, o.Condition, client.Object{
		ETag: sealed.ETag, Checksums: sealed.Checksums, Meta: o.Meta, Replication: o.Replication,
	})
}

func drain(body io.Reader, o client.PutOptions) ([]byte, client.Sealed, error) {
	data, err := io.ReadAll(body)
	if err != nil || o.Seal == nil {
		return data, client.Sealed{}, err
	}
	sealed, err := o.Seal(int64(len(data)))
	return data, sealed, err
}

// put makes obj the newest version of key; f.mu is held.
func (f *Fake) put(ctx context.Context, b *fakeBucket, key string, data []byte, c client.Condition, obj client.Object) (client.Object, error) {
	cur := b.objects[key]
	if err := check(c, cur); err != nil {
		return client.Object{}, err
	}
	f.generation++
	now := f.now()
	obj.Key, obj.Size, obj.Created, obj.Modified, obj.Generation = key, int64(len(data)), now, now, f.generation
	obj.Bucket = b.Bucket
	if obj.Owner == "" {
		obj.Owner = client.Caller(ctx)
	}
	next := &fakeObject{Object: obj, data: data}
	if cur != nil {
		next.Created = cur.Created
		next.older = map[uint64][]byte{cur.Generation: cur.data}
	}
	b.objects[key] = next
	return next.Object, nil
}

// check decides a condition as om's state machine does.
func check(c client.Condition, cur *fakeObject) error {
	if cur == nil {
		if len(c.IfMatch) > 0 || c.IfGeneration != 0 {
			return ozerr.New(ozerr.KeyNotFound, "the key of the condition does not exist")
		}
		return nil
	}
	modified := cur.Modified.Truncate(time.Second)
	match := func(tags []string) bool { return slices.Contains(tags, "*") || slices.Contains(tags, cur.ETag) }
	switch {
	case len(c.IfMatch) > 0 && !match(c.IfMatch),
		len(c.IfMatch) == 0 && !c.IfUnmodifiedSince.IsZero() && modified.After(c.IfUnmodifiedSince),
		match(c.IfNoneMatch),
		len(c.IfNoneMatch) == 0 && !c.IfModifiedSince.IsZero() && !modified.After(c.IfModifiedSince),
		c.IfGeneration != 0 && c.IfGeneration != cur.Generation:
		return ozerr.New(ozerr.PreconditionFailed, "a precondition did not hold")
	}
	return nil
}

// object finds a key; f.mu is held.
func (f *Fake) object(ref client.KeyRef, owner string) (*fakeBucket, *fakeObject, error) {
	b, err := f.bucket(ref.BucketRef, owner)
	if err != nil {
		return nil, nil, err
	}
	o := b.objects[ref.Key]
	if o == nil {
		return b, nil, ozerr.New(ozerr.KeyNotFound, "the key does not exist")
	}
	return b, o, nil
}

// GetObject implements s3g.Objects.
func (f *Fake) GetObject(_ context.Context, ref client.KeyRef, owner string) (client.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, o, err := f.object(ref, owner)
	if err != nil {
		return client.Object{}, err
	}
	return o.Object, nil
}

// ReadObject implements s3g.Objects.
func (f *Fake) ReadObject(_ context.Context, o client.Object, off, n int64) client.Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.volumes[o.Bucket.Volume][o.Bucket.Name]
	if f.fail != nil || b == nil || b.objects[o.Key] == nil {
		return &fakeReader{err: ozerr.New(ozerr.Unavailable, "the bytes are gone")}
	}
	cur := b.objects[o.Key]
	data := cur.data
	if cur.Generation != o.Generation {
		var ok bool
		if data, ok = cur.older[o.Generation]; !ok {
			return &fakeReader{err: ozerr.New(ozerr.BlockNotFound, "the version is gone")}
		}
	}
	if n < 0 {
		n = int64(len(data)) - off
	}
	return &fakeReader{data: data[off : off+n]}
}

type fakeReader struct {
	data []byte
	err  error
}

func (r *fakeReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

func (r *fakeReader) WriteTo(w io.Writer) (int64, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := w.Write(r.data)
	r.data = r.data[n:]
	return int64(n), err
}

func (r *fakeReader) Ready() error { return r.err }

func (r *fakeReader) Close() error { return nil }

// ListObjects implements s3g.Objects.
func (f *Fake) ListObjects(_ context.Context, ref client.BucketRef, o client.ListOptions) (client.Listing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref, o.ExpectedOwner)
	if err != nil {
		return client.Listing{}, err
	}
	limit := o.Limit
	if limit <= 0 || limit > 1000 {
		limit = 1000
	}
	var out client.Listing
	group := ""
	if p, ok := commonPrefix(o.After, o.Prefix, o.Delimiter); ok && p == o.After {
		group = p
	}
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if key <= o.After || !strings.HasPrefix(key, o.Prefix) || group != "" && strings.HasPrefix(key, group) {
			continue
		}
		if len(out.Objects)+len(out.CommonPrefixes) == limit {
			out.Truncated = true
			return out, nil
		}
		if p, ok := commonPrefix(key, o.Prefix, o.Delimiter); ok {
			group, out.Next = p, p
			out.CommonPrefixes = append(out.CommonPrefixes, p)
			continue
		}
		obj := b.objects[key].Object
		obj.Parts, obj.Meta.Metadata, obj.Meta.Headers, obj.Meta.Tags = nil, nil, nil, nil
		out.Objects, out.Next = append(out.Objects, obj), key
	}
	out.Next = ""
	return out, nil
}

// commonPrefix is name up to and with the first delimiter behind prefix.
func commonPrefix(name, prefix, delimiter string) (string, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || delimiter == "" {
		return "", false
	}
	i := strings.Index(rest, delimiter)
	if i < 0 {
		return "", false
	}
	return prefix + rest[:i+len(delimiter)], true
}

// DeleteObjects implements s3g.Objects.
func (f *Fake) DeleteObjects(_ context.Context, ref client.BucketRef, keys []client.DeleteKey, owner string) ([]client.DeleteResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref, owner)
	if err != nil {
		return nil, err
	}
	out := make([]client.DeleteResult, len(keys))
	for i, k := range keys {
		cur := b.objects[k.Key]
		out[i] = client.DeleteResult{Key: k.Key, Existed: cur != nil, Err: check(k.Condition, cur)}
		if out[i].Err == nil && cur == nil && k.MustExist {
			out[i].Err = ozerr.New(ozerr.KeyNotFound, "the key does not exist")
		}
		if out[i].Err == nil {
			delete(b.objects, k.Key)
		}
	}
	return out, nil
}

// CopyObject implements s3g.Objects.
func (f *Fake) CopyObject(ctx context.Context, src, dst client.KeyRef, o client.CopyOptions) (client.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, err := f.bucket(src.BucketRef, o.SourceExpectedOwner)
	if err != nil {
		return client.Object{}, err
	}
	to, err := f.bucket(dst.BucketRef, o.ExpectedOwner)
	if err != nil {
		return client.Object{}, err
	}
	cur := from.objects[src.Key]
	if cur == nil {
		return client.Object{}, ozerr.New(ozerr.KeyNotFound, "the key does not exist")
	}
	if err := check(o.SourceCondition, cur); err != nil {
		return client.Object{}, err
	}
	obj := cur.Object
	obj.Owner = ""
	if o.ReplaceMetadata {
		obj.Meta.Metadata, obj.Meta.Headers = o.Meta.Metadata, o.Meta.Headers
	}
	if o.ReplaceTags {
		obj.Meta.Tags = o.Meta.Tags
	}
	if o.Meta.StorageClass != "" {
		obj.Meta.StorageClass = o.Meta.StorageClass
	}
	return f.put(ctx, to, dst.Key, cur.data, o.Condition, obj)
}

// SetObjectTags implements s3g.Objects.
func (f *Fake) SetObjectTags(_ context.Context, ref client.KeyRef, tags map[string]string, owner string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, o, err := f.object(ref, owner)
	if err != nil {
		return err
	}
	o.Meta.Tags = maps.Clone(tags)
	return nil
}
