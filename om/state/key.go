package state

import (
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// keyAnswer is the answer of a mutation: the key without blocks and parts, which
// would make a result row as large as the object's list of them.
func keyAnswer(b *ompb.BucketInfo, k *ompb.KeyInfo) *ompb.Response {
	return &ompb.Response{Result: &ompb.Response_Key{Key: &ompb.KeyResult{Bucket: b, Key: brief(k)}}}
}

// brief is k without blocks and parts.
func brief(k *ompb.KeyInfo) *ompb.KeyInfo {
	return &ompb.KeyInfo{
		Key: k.Key, Size: k.Size, Etag: k.Etag, CreatedNs: k.CreatedNs, ModifiedNs: k.ModifiedNs,
		Owner: k.Owner, Meta: k.Meta, Checksums: k.Checksums, Replication: k.Replication, Generation: k.Generation,
		Encryption: k.Encryption,
	}
}

func (c *call) existing(b *ompb.BucketInfo, key string) (*ompb.KeyInfo, error) {
	if k := table.Keys.Get(c.tx, b.Id, key); k != nil {
		return k, nil
	}
	return nil, ozerr.New(ozerr.KeyNotFound, "key %q does not exist", key)
}

// putKey stores a version of a key whose blocks are checked, in place of cur (nil: none).
func (c *call) putKey(b *ompb.BucketInfo, k, cur *ompb.KeyInfo) {
	k.CreatedNs, k.ModifiedNs, k.Generation = c.now(), c.now(), c.index
	o := keyOwner(b.Id, k.Key)
	c.own(o, k.Blocks)
	c.disown(o, cur.GetBlocks(), k.Blocks)
	table.Keys.Put(c.tx, c.index, b.Id, k)
}

// replaceable returns the version a write would replace (nil: none), and an error if it
// may not.
func (c *call) replaceable(b *ompb.BucketInfo, key string, cond *ompb.Condition) (*ompb.KeyInfo, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	cur := table.Keys.Get(c.tx, b.Id, key)
	if err := check(cond, cur); err != nil {
		return cur, err
	}
	return cur, c.roomToFree(len(cur.GetBlocks()))
}

func (c *call) commitKey(r *ompb.CommitKey) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	cur, err := c.replaceable(b, r.Key, r.Condition)
	if err != nil {
		return nil, err
	}
	if err := checkMeta(r.Meta); err != nil {
		return nil, err
	}
	if err := checkDigests(r.Etag, r.Checksums); err != nil {
		return nil, err
	}
	if err := checkReplication(r.Replication); err != nil {
		return nil, err
	}
	if err := checkEncryption(r.Encryption); err != nil {
		return nil, err
	}
	if err := c.checkBlocks(r.Blocks, storedSize(r.Encryption, r.Size), false); err != nil {
		return nil, err
	}
	k := &ompb.KeyInfo{
		Key: r.Key, Size: r.Size, Etag: r.Etag, Owner: c.req.User, Meta: r.Meta,
		Checksums: r.Checksums, Blocks: r.Blocks, Replication: r.Replication, Encryption: r.Encryption,
	}
	c.putKey(b, k, cur)
	return keyAnswer(b, k), nil
}

// getKey answers with the key and where its blocks are.
func (c *call) getKey(r *ompb.GetKey) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	k, err := c.existing(b, r.Key)
	if err != nil {
		return nil, err
	}
	result := &ompb.KeyResult{Key: k, Bucket: b, Locations: map[uint64]*ompb.Replicas{}}
	nodes := map[string]*commonpb.Node{}
	for _, block := range k.Blocks {
		id := block.GetId().GetContainer()
		if result.Locations[id] == nil {
			result.Locations[id] = c.replicas(id, nodes)
		}
	}
	return &ompb.Response{Result: &ompb.Response_Key{Key: result}}, nil
}

// replicas are the registered nodes of a container; known saves reading a node twice.
func (c *call) replicas(container uint64, known map[string]*commonpb.Node) *ompb.Replicas {
	out := &ompb.Replicas{}
	for _, id := range Container(c.tx, container).GetNodes() {
		if _, ok := known[id]; !ok {
			known[id] = table.Nodes.Get(c.tx, []byte(id)).GetNode()
		}
		if n := known[id]; n != nil {
			out.Nodes = append(out.Nodes, n)
		}
	}
	return out
}

func (c *call) deleteKeys(r *ompb.DeleteKeys) (*ompb.Response, error) {
	if len(r.Keys) > 1000 {
		return nil, ozerr.New(ozerr.InvalidArgument, "%d keys to delete, at most 1000", len(r.Keys))
	}
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	out := &ompb.DeleteResults{}
	for _, d := range r.Keys {
		existed, err := c.deleteKey(b, d)
		out.Results = append(out.Results, &ompb.DeleteResult{Key: d.Key, Existed: existed, Error: errorAnswer(err)})
	}
	return &ompb.Response{Result: &ompb.Response_Deletes{Deletes: out}}, nil
}

func (c *call) deleteKey(b *ompb.BucketInfo, d *ompb.KeyToDelete) (existed bool, err error) {
	cur, err := c.replaceable(b, d.Key, d.Condition)
	if err != nil {
		return cur != nil, err
	}
	if cur == nil {
		if d.MustExist {
			return false, ozerr.New(ozerr.KeyNotFound, "the key does not exist")
		}
		return false, nil
	}
	c.disown(keyOwner(b.Id, d.Key), cur.Blocks, nil)
	table.Keys.Delete(c.tx, b.Id, d.Key)
	return true, nil
}

func (c *call) copyKey(r *ompb.CopyKey) (*ompb.Response, error) {
	from, err := c.bucket(r.Source, r.SourceExpectedOwner)
	if err != nil {
		return nil, err
	}
	to, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	src, err := c.existing(from, r.SourceKey)
	if err != nil {
		return nil, err
	}
	if err := check(r.SourceCondition, src); err != nil {
		return nil, err
	}
	cur, err := c.replaceable(to, r.Key, r.Condition)
	if err != nil {
		return nil, err
	}
	encryption, err := copiedEncryption(r, src.Encryption)
	if err != nil {
		return nil, err
	}
	k := &ompb.KeyInfo{
		Key: r.Key, Size: src.Size, Etag: src.Etag, Owner: c.req.User, Checksums: src.Checksums,
		Blocks: src.Blocks, Parts: src.Parts, Replication: src.Replication, Meta: copiedMeta(r, src.Meta),
		Encryption: encryption,
	}
	if err := checkMeta(k.Meta); err != nil {
		return nil, err
	}
	if err := c.roomToOwn(len(k.Blocks)); err != nil {
		return nil, err
	}
	c.putKey(to, k, cur)
	return keyAnswer(to, k), nil
}

// copiedMeta takes from the request what it replaces and the rest from the source. A
// storage class is never inherited: without one the copy is STANDARD, as in AWS.
func copiedMeta(r *ompb.CopyKey, src *ompb.KeyMeta) *ompb.KeyMeta {
	m := &ompb.KeyMeta{
		Metadata: src.GetMetadata(), Headers: src.GetHeaders(), Tags: src.GetTags(),
		StorageClass: r.Meta.GetStorageClass(),
	}
	if r.ReplaceMetadata {
		m.Metadata, m.Headers = r.Meta.GetMetadata(), r.Meta.GetHeaders()
	}
	if r.ReplaceTags {
		m.Tags = r.Meta.GetTags()
	}
	return m
}

func (c *call) renameKey(r *ompb.RenameKey) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, "")
	if err != nil {
		return nil, err
	}
	if err := checkKey(r.To); err != nil {
		return nil, err
	}
	k, err := c.existing(b, r.Key)
	if err != nil {
		return nil, err
	}
	if r.To == r.Key {
		return keyAnswer(b, k), nil
	}
	if table.Keys.Head(c.tx, b.Id, r.To) != nil {
		return nil, ozerr.New(ozerr.KeyAlreadyExists, "key %q already exists", r.To)
	}
	if err := c.roomToOwn(len(k.Blocks)); err != nil {
		return nil, err
	}
	table.Keys.Delete(c.tx, b.Id, r.Key)
	k.Key, k.Generation = r.To, c.index
	c.own(keyOwner(b.Id, r.To), k.Blocks)
	c.disown(keyOwner(b.Id, r.Key), k.Blocks, nil)
	table.Keys.Put(c.tx, c.index, b.Id, k)
	return keyAnswer(b, k), nil
}

// setKeyTags changes tags only; as in AWS, neither the date nor the version changes.
func (c *call) setKeyTags(r *ompb.SetKeyTags) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	k, err := c.existing(b, r.Key)
	if err != nil {
		return nil, err
	}
	if k.Meta == nil {
		k.Meta = &ompb.KeyMeta{}
	}
	k.Meta.Tags = r.Tags
	if err := checkMeta(k.Meta); err != nil {
		return nil, err
	}
	table.Keys.Put(c.tx, c.index, b.Id, k)
	return keyAnswer(b, k), nil
}
