package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// fakeCluster is a cluster of maps with om's rules as far as the commands can
// see them. Its clock stands still.
type fakeCluster struct {
	openUsers
	now        time.Time
	nodes      []client.NodeInfo
	containers []client.ContainerInfo
	roles      client.Roles
	report     client.ReplicationReport

	mu         sync.Mutex
	volumes    map[string]*client.Volume
	buckets    map[client.BucketRef]*client.Bucket
	keys       map[client.KeyRef]fakeKey
	uploads    map[client.UploadRef]bool
	generation uint64
}

type fakeKey struct {
	object client.Object
	data   []byte
}

// openUsers is what an open store says of secrets; nobody asks it about users.
type openUsers struct{ users }

func (openUsers) NewSecret(context.Context, string) (string, error) {
	return "", ozerr.New(ozerr.NotSupported, "open mode")
}
func (openUsers) SetSecret(context.Context, string, string) error {
	return ozerr.New(ozerr.NotSupported, "open mode")
}
func (openUsers) RevokeSecret(context.Context, string) error {
	return ozerr.New(ozerr.NotSupported, "open mode")
}

var _ cluster = (*fakeCluster)(nil)

func newFakeCluster() *fakeCluster {
	return &fakeCluster{
		now:     time.Date(2026, 11, 23, 2, 0, 0, 123e6, time.UTC),
		volumes: map[string]*client.Volume{},
		buckets: map[client.BucketRef]*client.Bucket{},
		keys:    map[client.KeyRef]fakeKey{},
		uploads: map[client.UploadRef]bool{},
	}
}

// pageOf cuts the items after a name, which are sorted by it.
func pageOf[T any](items []T, name func(T) string, prefix, after string, limit int) ([]T, bool) {
	slices.SortFunc(items, func(a, b T) int { return cmp.Compare(name(a), name(b)) })
	items = slices.DeleteFunc(items, func(i T) bool {
		return !strings.HasPrefix(name(i), prefix) || name(i) <= after && after != ""
	})
	if len(items) > limit {
		return items[:limit], true
	}
	return items, false
}

func (f *fakeCluster) CreateVolume(ctx context.Context, name, owner string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.volumes[name] != nil {
		return ozerr.New(ozerr.VolumeAlreadyExists, "volume %s already exists", name)
	}
	owner = cmp.Or(owner, client.Caller(ctx))
	f.volumes[name] = &client.Volume{Name: name, Owner: owner, Admin: client.Caller(ctx), Created: f.now, Modified: f.now}
	return nil
}

func (f *fakeCluster) DeleteVolume(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.volume(name)
	if err == nil && v.Buckets > 0 {
		err = ozerr.New(ozerr.VolumeNotEmpty, "volume %s is not empty", name)
	}
	if err == nil {
		delete(f.volumes, name)
	}
	return err
}

func (f *fakeCluster) volume(name string) (*client.Volume, error) {
	if v := f.volumes[name]; v != nil {
		return v, nil
	}
	return nil, ozerr.New(ozerr.VolumeNotFound, "volume %s not found", name)
}

func (f *fakeCluster) GetVolume(_ context.Context, name string) (client.Volume, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.volume(name)
	if err != nil {
		return client.Volume{}, err
	}
	return *v, nil
}

func (f *fakeCluster) ListVolumes(_ context.Context, prefix, after string, limit int) ([]client.Volume, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []client.Volume
	for _, v := range f.volumes {
		all = append(all, *v)
	}
	page, more := pageOf(all, func(v client.Volume) string { return v.Name }, prefix, after, limit)
	return page, more, nil
}

func (f *fakeCluster) CreateBucket(ctx context.Context, o client.CreateBucketOptions) (client.Bucket, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.volume(o.Volume)
	if err != nil {
		return client.Bucket{}, err
	}
	ref := client.BucketRef{Volume: o.Volume, Bucket: o.Bucket}
	if f.buckets[ref] != nil {
		return client.Bucket{}, ozerr.New(ozerr.BucketAlreadyExists, "bucket %s/%s already exists", o.Volume, o.Bucket)
	}
	b := &client.Bucket{
		Volume: o.Volume, Name: o.Bucket, Owner: cmp.Or(o.Owner, client.Caller(ctx)), Created: f.now, Modified: f.now,
		Replication: cmp.Or(o.Replication, "ONE"), S3: true,
	}
	for other := range f.buckets {
		b.S3 = b.S3 && other.Bucket != o.Bucket
	}
	f.buckets[ref] = b
	v.Buckets++
	return *b, nil
}

// bucket resolves a reference, also one by S3 name.
func (f *fakeCluster) bucket(ref client.BucketRef) (*client.Bucket, error) {
	for _, b := range f.buckets {
		if b.Name == ref.Bucket && (b.Volume == ref.Volume || ref.Volume == "" && b.S3) {
			return b, nil
		}
	}
	return nil, ozerr.New(ozerr.BucketNotFound, "bucket %s not found", strings.TrimPrefix(ref.Volume+"/"+ref.Bucket, "/"))
}

func (f *fakeCluster) DeleteBucket(_ context.Context, ref client.BucketRef, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref)
	if err != nil {
		return err
	}
	for k := range f.keys {
		if k.BucketRef == ref {
			return ozerr.New(ozerr.BucketNotEmpty, "bucket %s/%s is not empty", b.Volume, b.Name)
		}
	}
	for u := range f.uploads {
		if u.BucketRef == ref {
			return ozerr.New(ozerr.BucketNotEmpty, "bucket %s/%s has open uploads", b.Volume, b.Name)
		}
	}
	delete(f.buckets, ref)
	f.volumes[b.Volume].Buckets--
	return nil
}

func (f *fakeCluster) GetBucket(_ context.Context, ref client.BucketRef, _ string) (client.Bucket, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref)
	if err != nil {
		return client.Bucket{}, err
	}
	return *b, nil
}

func (f *fakeCluster) ListBuckets(_ context.Context, o client.ListBucketsOptions) ([]client.Bucket, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.volume(o.Volume); err != nil {
		return nil, false, err
	}
	var all []client.Bucket
	for ref, b := range f.buckets {
		if ref.Volume == o.Volume {
			all = append(all, *b)
		}
	}
	page, more := pageOf(all, func(b client.Bucket) string { return b.Name }, o.Prefix, o.After, o.Limit)
	return page, more, nil
}

func (f *fakeCluster) PutObject(ctx context.Context, ref client.KeyRef, body io.Reader, o client.PutOptions) (client.Object, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return client.Object{}, err
	}
	sealed, err := o.Seal(int64(len(data)))
	if err != nil {
		return client.Object{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bucket(ref.BucketRef)
	if err != nil {
		return client.Object{}, err
	}
	if want := o.Condition.IfGeneration; want != 0 && f.keys[ref].object.Generation != want {
		return client.Object{}, ozerr.New(ozerr.PreconditionFailed, "key %s has another generation", ref.Key)
	}
	f.generation++
	object := client.Object{
		Key: ref.Key, Size: int64(len(data)), ETag: sealed.ETag, Created: f.now, Modified: f.now,
		Owner: client.Caller(ctx), Meta: o.Meta, Replication: cmp.Or(o.Replication, b.Replication),
		Generation: f.generation, Bucket: *b,
	}
	f.keys[ref] = fakeKey{object, data}
	return object, nil
}

func (f *fakeCluster) key(ref client.KeyRef) (fakeKey, error) {
	if _, err := f.bucket(ref.BucketRef); err != nil {
		return fakeKey{}, err
	}
	if k, ok := f.keys[ref]; ok {
		return k, nil
	}
	return fakeKey{}, ozerr.New(ozerr.KeyNotFound, "key %s not found", ref.Key)
}

func (f *fakeCluster) GetObject(_ context.Context, ref client.KeyRef, _ string) (client.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, err := f.key(ref)
	return k.object, err
}

// fakeReader is a client.Reader over bytes, which may end in an error.
type fakeReader struct {
	io.Reader
	err error
}

func (r fakeReader) Ready() error { return nil }
func (r fakeReader) Close() error { return nil }
func (r fakeReader) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, r.Reader)
	return n, cmp.Or(err, r.err)
}

// brokenKey is a key whose bytes end too early.
const brokenKey = "broken"

func (f *fakeCluster) ReadObject(_ context.Context, o client.Object, _, _ int64) client.Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	ref := client.KeyRef{BucketRef: client.BucketRef{Volume: o.Bucket.Volume, Bucket: o.Bucket.Name}, Key: o.Key}
	data := f.keys[ref].data
	if o.Key == brokenKey {
		return fakeReader{bytes.NewReader(data[:len(data)/2]), ozerr.New(ozerr.ChecksumMismatch, "every replica of block 1/1 is bad")}
	}
	return fakeReader{Reader: bytes.NewReader(data)}
}

func (f *fakeCluster) ListObjects(_ context.Context, ref client.BucketRef, o client.ListOptions) (client.Listing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.bucket(ref); err != nil {
		return client.Listing{}, err
	}
	var l client.Listing
	for k, key := range f.keys {
		if k.BucketRef == ref {
			l.Objects = append(l.Objects, key.object)
		}
	}
	l.Objects, l.Truncated = pageOf(l.Objects, func(k client.Object) string { return k.Key }, o.Prefix, o.After, o.Limit)
	if len(l.Objects) > 0 {
		l.Next = l.Objects[len(l.Objects)-1].Key
	}
	return l, nil
}

// ListVersions has the null version of each key: the fake keeps no others.
func (f *fakeCluster) ListVersions(ctx context.Context, ref client.BucketRef, o client.VersionListOptions) (client.VersionListing, error) {
	l, err := f.ListObjects(ctx, ref, client.ListOptions{Prefix: o.Prefix, After: o.AfterKey, Limit: o.Limit})
	return client.VersionListing{Versions: l.Objects, Truncated: l.Truncated, NextKey: l.Next, NextVersion: "null"}, err
}

func (f *fakeCluster) DeleteObjects(_ context.Context, ref client.BucketRef, doomed []client.DeleteKey, _ string) ([]client.DeleteResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.bucket(ref); err != nil {
		return nil, err
	}
	var results []client.DeleteResult
	for _, d := range doomed {
		k := client.KeyRef{BucketRef: ref, Key: d.Key}
		_, err := f.key(k)
		r := client.DeleteResult{Key: d.Key, Existed: err == nil}
		if d.MustExist {
			r.Err = err
		}
		delete(f.keys, k)
		results = append(results, r)
	}
	return results, nil
}

func (f *fakeCluster) CopyObject(_ context.Context, src, dst client.KeyRef, _ client.CopyOptions) (client.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, err := f.key(src)
	if err != nil {
		return client.Object{}, err
	}
	f.generation++
	k.object.Key, k.object.Generation = dst.Key, f.generation
	f.keys[dst] = k
	return k.object, nil
}

func (f *fakeCluster) RenameObject(_ context.Context, ref client.KeyRef, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	k, err := f.key(ref)
	if err != nil {
		return err
	}
	target := client.KeyRef{BucketRef: ref.BucketRef, Key: to}
	if _, taken := f.keys[target]; taken {
		return ozerr.New(ozerr.KeyAlreadyExists, "key %s already exists", to)
	}
	delete(f.keys, ref)
	k.object.Key = to
	f.keys[target] = k
	return nil
}

func (f *fakeCluster) ListUploads(_ context.Context, ref client.BucketRef, o client.UploadListOptions) (client.UploadListing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var l client.UploadListing
	for u := range maps.Keys(f.uploads) {
		if u.BucketRef == ref && u.Key > o.AfterKey {
			l.Uploads = append(l.Uploads, client.Upload{ID: u.ID, Key: u.Key})
		}
	}
	l.Uploads, l.Truncated = pageOf(l.Uploads, func(u client.Upload) string { return u.Key }, "", o.AfterKey, 1)
	if len(l.Uploads) > 0 {
		last := l.Uploads[len(l.Uploads)-1]
		l.NextKey, l.NextUploadID = last.Key, last.ID
	}
	return l, nil
}

func (f *fakeCluster) AbortUpload(_ context.Context, ref client.UploadRef) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.uploads, ref)
	return nil
}

func (f *fakeCluster) ListNodes(context.Context) ([]client.NodeInfo, error) {
	return slices.Clone(f.nodes), nil
}

func (f *fakeCluster) ListContainers(_ context.Context, after uint64, limit int) ([]client.ContainerInfo, bool, error) {
	rest := slices.DeleteFunc(slices.Clone(f.containers), func(c client.ContainerInfo) bool { return c.ID <= after })
	if len(rest) > limit {
		return rest[:limit], true, nil
	}
	return rest, false, nil
}

func (f *fakeCluster) GetContainer(_ context.Context, id uint64) (client.ContainerInfo, error) {
	for _, c := range f.containers {
		if c.ID == id {
			for _, n := range c.Nodes {
				i := slices.IndexFunc(f.nodes, func(x client.NodeInfo) bool { return x.ID == n })
				c.Replicas = append(c.Replicas, client.ReplicaInfo{Node: n, Member: true, State: c.State, UsedBytes: c.UsedBytes,
					Blocks: c.Blocks, NodeHealth: f.nodes[i].Health, NodeState: f.nodes[i].OpState})
			}
			return c, nil
		}
	}
	return client.ContainerInfo{}, ozerr.New(ozerr.ContainerNotFound, "container %d does not exist", id)
}

func (f *fakeCluster) CloseContainer(_ context.Context, id uint64) error {
	for i := range f.containers {
		if c := &f.containers[i]; c.ID == id && c.State == "OPEN" {
			c.State = "CLOSING"
			return nil
		}
	}
	return ozerr.New(ozerr.InvalidRequest, "container %d is not open", id)
}

func (f *fakeCluster) SetNodeState(_ context.Context, node, opState string, until time.Time) error {
	for i := range f.nodes {
		if f.nodes[i].ID == node {
			f.nodes[i].OpState, f.nodes[i].Until = opState, until
		}
	}
	return nil
}

func (f *fakeCluster) ForgetNode(_ context.Context, node string) error {
	for _, n := range f.nodes {
		if n.ID == node && n.Health != "DEAD" {
			return ozerr.New(ozerr.InvalidRequest, "node %s is %s, only a dead one can be forgotten", node, n.Health)
		}
	}
	f.nodes = slices.DeleteFunc(f.nodes, func(n client.NodeInfo) bool { return n.ID == node })
	return nil
}

func (f *fakeCluster) Replication(context.Context) (client.ReplicationReport, error) {
	return f.report, nil
}

func (f *fakeCluster) RunReplication(_ context.Context, run bool) error {
	f.report.Running = run
	return nil
}

func (f *fakeCluster) StartBalancer(_ context.Context, threshold float64, maxBytes uint64) error {
	f.report.Balancer = client.Balancer{Running: true, Threshold: threshold, MaxBytes: maxBytes, Iterations: 1}
	return nil
}

func (f *fakeCluster) StopBalancer(context.Context) error {
	f.report.Balancer.Running, f.report.Balancer.Stopped = false, "stopped by the administrator"
	return nil
}

func (f *fakeCluster) Roles(context.Context) (client.Roles, error) {
	if len(f.roles.Roles) == 0 {
		return client.Roles{}, errors.New("no roles")
	}
	return f.roles, nil
}

func (f *fakeCluster) TransferLeadership(_ context.Context, id string) error {
	if id == "" {
		id = "om2"
	}
	known := false
	for i := range f.roles.Roles {
		r := &f.roles.Roles[i]
		r.Role = "FOLLOWER"
		if r.ID == id {
			r.Role, known = "LEADER", true
		}
	}
	if !known {
		return ozerr.New(ozerr.InvalidArgument, "%s is not a voter of the group", id)
	}
	return nil
}

func (f *fakeCluster) RemoveOM(_ context.Context, id string) error {
	f.roles.Roles = slices.DeleteFunc(f.roles.Roles, func(r client.Role) bool { return r.ID == id })
	return nil
}
