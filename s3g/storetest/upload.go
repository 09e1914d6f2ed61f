package storetest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// minPart is what every part but the last must have.
const minPart = 5 << 20

type fakeUpload struct {
	client.Upload
	parts map[int]*fakePart
}

type fakePart struct {
	client.Part
	data []byte
}

// completed remembers a Complete, so that the same one gets the same answer.
type completed struct {
	request string
	object  client.Object
}

// CreateUpload implements s3g.Uploads.
func (f *Fake) CreateUpload(ctx context.Context, ref client.KeyRef, o client.UploadOptions) (client.Upload, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref.BucketRef, o.ExpectedOwner)
	if err != nil {
		return client.Upload{}, err
	}
	f.generation++
	u := client.Upload{
		ID: fmt.Sprintf("upload%016x", f.generation), Key: ref.Key, Initiated: f.now(), Owner: client.Caller(ctx),
		Meta: o.Meta, ChecksumAlgorithm: o.ChecksumAlgorithm, ChecksumType: o.ChecksumType, Bucket: b.Bucket,
	}
	b.uploads[u.ID] = &fakeUpload{Upload: u, parts: map[int]*fakePart{}}
	return u, nil
}

// upload finds an open upload; f.mu is held.
func (f *Fake) upload(ref client.UploadRef) (*fakeBucket, *fakeUpload, error) {
	b, err := f.bucket(ref.BucketRef, ref.ExpectedOwner)
	if err != nil {
		return nil, nil, err
	}
	u := b.uploads[ref.ID]
	if u == nil || u.Key != ref.Key {
		return b, nil, ozerr.New(ozerr.NoSuchUpload, "there is no upload %s", ref.ID)
	}
	return b, u, nil
}

// PutPart implements s3g.Uploads.
func (f *Fake) PutPart(_ context.Context, ref client.UploadRef, number int, body io.Reader, o client.PutOptions) (client.Part, error) {
	data, sealed, err := drain(body, o)
	if err != nil {
		return client.Part{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, u, err := f.upload(ref)
	if err != nil {
		return client.Part{}, err
	}
	p := client.Part{Number: number, Size: int64(len(data)), ETag: sealed.ETag, Checksums: sealed.Checksums, Modified: f.now()}
	u.parts[number] = &fakePart{Part: p, data: data}
	return p, nil
}

// CompleteUpload implements s3g.Uploads. Checksums of the whole object that the
// caller expects are kept unverified.
func (f *Fake) CompleteUpload(ctx context.Context, ref client.UploadRef, parts []client.Part, o client.CompleteOptions) (client.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, u, err := f.upload(ref)
	if err != nil {
		if b != nil && b.done[ref.ID].request == fmt.Sprint(parts) {
			return b.done[ref.ID].object, nil
		}
		return client.Object{}, err
	}
	obj := client.Object{Meta: u.Meta, Owner: u.Owner, Checksums: o.Checksums}
	data, err := u.join(parts, &obj)
	if err != nil {
		return client.Object{}, err
	}
	if o.ExpectedSize >= 0 && o.ExpectedSize != int64(len(data)) {
		return client.Object{}, ozerr.New(ozerr.InvalidRequest, "the parts have %d bytes", len(data))
	}
	if obj, err = f.put(ctx, b, ref.Key, data, o.Condition, obj); err != nil {
		return obj, err
	}
	delete(b.uploads, ref.ID)
	b.done[ref.ID] = completed{fmt.Sprint(parts), obj}
	return obj, nil
}

// join checks the part list and makes one body of it.
func (u *fakeUpload) join(parts []client.Part, obj *client.Object) ([]byte, error) {
	var data []byte
	sum := md5.New()
	rising := func(a, b client.Part) int { return a.Number - b.Number }
	if !slices.IsSortedFunc(parts, rising) || len(slices.CompactFunc(slices.Clone(parts), func(a, b client.Part) bool { return a.Number == b.Number })) < len(parts) {
		return nil, ozerr.New(ozerr.InvalidPartOrder, "the part numbers do not rise")
	}
	for i, want := range parts {
		p := u.parts[want.Number]
		if p == nil || p.ETag != want.ETag {
			return nil, ozerr.New(ozerr.InvalidPart, "part %d was not uploaded", want.Number)
		}
		if p.Size < minPart && i < len(parts)-1 {
			return nil, ozerr.New(ozerr.EntityTooSmall, "part %d is too small", want.Number)
		}
		raw, err := hex.DecodeString(p.ETag)
		if err != nil {
			raw = []byte(p.ETag)
		}
		sum.Write(raw)
		data = append(data, p.data...)
		obj.Parts = append(obj.Parts, p.Part)
	}
	obj.ETag = fmt.Sprintf("%x-%d", sum.Sum(nil), len(parts))
	return data, nil
}

// AbortUpload implements s3g.Uploads.
func (f *Fake) AbortUpload(_ context.Context, ref client.UploadRef) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, _, err := f.upload(ref)
	if err != nil {
		return err
	}
	delete(b.uploads, ref.ID)
	return nil
}

// GetUpload implements s3g.Uploads.
func (f *Fake) GetUpload(_ context.Context, ref client.UploadRef) (client.Upload, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, u, err := f.upload(ref)
	if err != nil {
		return client.Upload{}, err
	}
	return u.Upload, nil
}

// ListParts implements s3g.Uploads.
func (f *Fake) ListParts(_ context.Context, ref client.UploadRef, after, limit int) (client.PartListing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, u, err := f.upload(ref)
	if err != nil {
		return client.PartListing{}, err
	}
	out := client.PartListing{Upload: u.Upload}
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		if n <= after {
			continue
		}
		if len(out.Parts) == limit {
			out.Truncated = true
			break
		}
		out.Parts = append(out.Parts, u.parts[n].Part)
	}
	return out, nil
}

// ListUploads implements s3g.Uploads.
func (f *Fake) ListUploads(_ context.Context, ref client.BucketRef, o client.UploadListOptions) (client.UploadListing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref, o.ExpectedOwner)
	if err != nil {
		return client.UploadListing{}, err
	}
	all := slices.Collect(maps.Values(b.uploads))
	sort.Slice(all, func(i, j int) bool {
		if all[i].Key != all[j].Key {
			return all[i].Key < all[j].Key
		}
		return all[i].ID < all[j].ID // ids are given out in order of time
	})
	var out client.UploadListing
	group := ""
	for _, u := range all {
		before := u.Key < o.AfterKey || u.Key == o.AfterKey && (o.AfterUploadID == "" || u.ID <= o.AfterUploadID)
		if o.AfterKey != "" && before || !strings.HasPrefix(u.Key, o.Prefix) || group != "" && strings.HasPrefix(u.Key, group) {
			continue
		}
		if len(out.Uploads)+len(out.CommonPrefixes) == o.Limit {
			out.Truncated = true
			return out, nil
		}
		if p, ok := commonPrefix(u.Key, o.Prefix, o.Delimiter); ok {
			group = p
			out.CommonPrefixes, out.NextKey, out.NextUploadID = append(out.CommonPrefixes, p), p, ""
			continue
		}
		out.Uploads, out.NextKey, out.NextUploadID = append(out.Uploads, u.Upload), u.Key, u.ID
	}
	out.NextKey, out.NextUploadID = "", ""
	return out, nil
}
