package state

import (
	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
)

// keyAnswer is the answer of a mutation: the key without blocks and parts, which
// would make a result row as large as the object's list of them.
func keyAnswer(b *ompb.BucketInfo, k *ompb.KeyInfo) *ompb.Response {
	return &ompb.Response{Result: &ompb.Response_Key{Key: &ompb.KeyResult{Bucket: briefBucket(b), Key: brief(k)}}}
}

// briefBucket is b without its ACL: the answer of each PUT is a row.
func briefBucket(b *ompb.BucketInfo) *ompb.BucketInfo {
	if b.Acl == nil {
		return b
	}
	b = proto.CloneOf(b)
	b.Acl = nil
	return b
}

// brief is k without blocks, parts and ACL.
func brief(k *ompb.KeyInfo) *ompb.KeyInfo {
	return &ompb.KeyInfo{
		Key: k.Key, Size: k.Size, Etag: k.Etag, CreatedNs: k.CreatedNs, ModifiedNs: k.ModifiedNs,
		Owner: k.Owner, Meta: k.Meta, Checksums: k.Checksums, Replication: k.Replication, Generation: k.Generation,
		Encryption: k.Encryption, Ordinal: k.Ordinal, VersionId: k.VersionId,
		Retention: k.Retention, LegalHold: k.LegalHold, LegalHoldOff: k.LegalHoldOff,
	}
}

// putKey stores a new version of a key, whose blocks and locks are checked, in its slot.
func (c *call) putKey(b *ompb.BucketInfo, k *ompb.KeyInfo, s slot) {
	k.CreatedNs, k.ModifiedNs = c.now(), c.now()
	k.Retention = retentionFor(b, k.Retention, c.now())
	c.place(b, k, s)
}

func (c *call) commitKey(r *ompb.CommitKey) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	s, err := c.replaceable(b, r.Key, r.Condition)
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
	if err := checkEncryption(b, r.Encryption); err != nil {
		return nil, err
	}
	if err := c.checkBlocks(r.Blocks, storedSize(r.Encryption, r.Size), false); err != nil {
		return nil, err
	}
	k := &ompb.KeyInfo{
		Key: r.Key, Size: r.Size, Etag: r.Etag, Owner: first(r.Acl.GetOwner(), c.req.User), Meta: r.Meta,
		Checksums: r.Checksums, Blocks: r.Blocks, Replication: r.Replication, Encryption: r.Encryption,
		Acl: r.Acl, Retention: r.Retention, LegalHold: r.LegalHold,
	}
	if err := checkProtection(b, k, c.now()); err != nil {
		return nil, err
	}
	c.putKey(b, k, s)
	c.tell(b, createdEvent(r), k)
	return keyAnswer(b, k), nil
}

func createdEvent(r *ompb.CommitKey) string {
	if r.Post {
		return notification.CreatedPost
	}
	return notification.CreatedPut
}

// getKey answers with the version and where its blocks are; or with a delete marker.
func (c *call) getKey(r *ompb.GetKey) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	k := c.find(b, r.Key, r.VersionId)
	if k == nil && r.VersionId == "" {
		k = c.newest(b, r.Key)
	}
	if k == nil {
		return nil, noVersion(r.Key, r.VersionId)
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

// setKeyTags changes tags only; as in AWS, neither the date nor the version changes.
func (c *call) setKeyTags(r *ompb.SetKeyTags) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	k, err := c.existing(b, r.Key, r.VersionId)
	if err != nil {
		return nil, err
	}
	if err := check(&ompb.Condition{IfGeneration: r.IfGeneration}, k); err != nil {
		return nil, err
	}
	if k.Meta == nil {
		k.Meta = &ompb.KeyMeta{}
	}
	k.Meta.Tags = r.Tags
	if err := checkMeta(k.Meta); err != nil {
		return nil, err
	}
	c.store(b, k)
	if len(r.Tags) > 0 {
		c.tell(b, notification.TaggingPut, k)
	} else {
		c.tell(b, notification.TaggingDelete, k)
	}
	return keyAnswer(b, k), nil
}
