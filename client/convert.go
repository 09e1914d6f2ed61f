package client

import (
	"math"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

func mapSlice[A, B any](in []A, f func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

// limit32 fits n into the wire's type; a negative one is 0, the default.
func limit32(n int) uint32 {
	return uint32(min(max(n, 0), math.MaxUint32))
}

func fromNS(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func toNS(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.After(time.Unix(0, math.MaxInt64)): // a retention until 2300
		return math.MaxInt64
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	}
	return t.UnixNano()
}

func bucketRefTo(r BucketRef) *ompb.BucketRef {
	return &ompb.BucketRef{Volume: r.Volume, Bucket: r.Bucket}
}

func volumeFrom(v *ompb.VolumeInfo) Volume {
	return Volume{
		Name: v.GetName(), Owner: v.GetOwner(), Admin: v.GetAdmin(),
		Created: fromNS(v.GetCreatedNs()), Modified: fromNS(v.GetModifiedNs()), Buckets: v.GetBuckets(),
	}
}

func bucketFrom(b *ompb.BucketInfo) Bucket {
	return Bucket{
		Volume: b.GetVolume(), Name: b.GetName(), Owner: b.GetOwner(),
		Created: fromNS(b.GetCreatedNs()), Modified: fromNS(b.GetModifiedNs()),
		Replication: b.GetReplication(), Location: b.GetLocation(), S3: b.GetS3(),
		ID: b.GetId(), Versioning: b.GetVersioning(), ObjectLock: objectLockFrom(b.GetObjectLock()),
		ObjectOwnership: b.GetObjectOwnership(), PublicAccessBlock: publicAccessFrom(b.GetPublicAccessBlock()),
		ACL: aclFrom(b.GetAcl()), Encryption: defaultEncryptionFrom(b.GetEncryption()), Documents: b.GetDocuments(),
	}
}

func metaTo(m Meta) *ompb.KeyMeta {
	return &ompb.KeyMeta{Metadata: m.Metadata, Headers: m.Headers, Tags: m.Tags, StorageClass: m.StorageClass}
}

func metaFrom(m *ompb.KeyMeta) Meta {
	return Meta{Metadata: m.GetMetadata(), Headers: m.GetHeaders(), Tags: m.GetTags(), StorageClass: m.GetStorageClass()}
}

func checksumTo(s Checksum) *ompb.Checksum {
	return &ompb.Checksum{Algorithm: s.Algorithm, Value: s.Value, Type: s.Type}
}

func checksumFrom(s *ompb.Checksum) Checksum {
	return Checksum{Algorithm: s.GetAlgorithm(), Value: s.GetValue(), Type: s.GetType()}
}

// conditionTo returns nil for a condition that asks nothing.
func conditionTo(c Condition) *ompb.Condition {
	if len(c.IfMatch) == 0 && len(c.IfNoneMatch) == 0 && c.IfModifiedSince.IsZero() &&
		c.IfUnmodifiedSince.IsZero() && c.IfGeneration == 0 && c.IfSize == nil && c.IfModified.IsZero() {
		return nil
	}
	out := &ompb.Condition{
		IfMatch: c.IfMatch, IfNoneMatch: c.IfNoneMatch,
		IfModifiedSinceNs: toNS(c.IfModifiedSince), IfUnmodifiedSinceNs: toNS(c.IfUnmodifiedSince),
		IfGeneration: c.IfGeneration, IfModifiedNs: toNS(c.IfModified),
	}
	if c.IfSize != nil {
		size := uint64(max(*c.IfSize, 0))
		out.IfSize = &size
	}
	return out
}

func partTo(p Part) *ompb.Part {
	return &ompb.Part{
		Number: limit32(p.Number), Size: uint64(max(p.Size, 0)), Etag: p.ETag,
		Checksums: mapSlice(p.Checksums, checksumTo), Salt: p.Salt,
	}
}

func partFrom(p *ompb.Part) Part {
	return Part{
		Number: int(p.GetNumber()), Size: int64(p.GetSize()), ETag: p.GetEtag(),
		Checksums: mapSlice(p.GetChecksums(), checksumFrom), Salt: p.GetSalt(),
	}
}

func partInfoFrom(p *ompb.PartInfo) Part {
	return Part{
		Number: int(p.GetNumber()), Size: int64(p.GetSize()), ETag: p.GetEtag(),
		Checksums: mapSlice(p.GetChecksums(), checksumFrom), Modified: fromNS(p.GetModifiedNs()), Salt: p.GetSalt(),
	}
}

func uploadFrom(u *ompb.UploadInfo) Upload {
	return Upload{
		ID: u.GetUploadId(), Key: u.GetKey(), Initiated: fromNS(u.GetInitiatedNs()), Owner: u.GetOwner(),
		Meta: metaFrom(u.GetMeta()), ChecksumAlgorithm: u.GetChecksumAlgorithm(),
		ChecksumType: u.GetChecksumType(), Bucket: bucketFrom(u.GetBucket()),
		Protection: Protection{
			ACL: aclFrom(u.GetAcl()), Retention: retentionFrom(u.GetRetention()), LegalHold: u.GetLegalHold(),
		},
		Encryption: encryptionFrom(u.GetEncryption()),
	}
}

func keyFrom(k *ompb.KeyInfo) Object {
	return Object{
		Key: k.GetKey(), Size: int64(k.GetSize()), ETag: k.GetEtag(),
		Created: fromNS(k.GetCreatedNs()), Modified: fromNS(k.GetModifiedNs()), Owner: k.GetOwner(),
		Meta: metaFrom(k.GetMeta()), Checksums: mapSlice(k.GetChecksums(), checksumFrom),
		Parts: mapSlice(k.GetParts(), partFrom), Replication: k.GetReplication(), Generation: k.GetGeneration(),
		VersionID: k.GetVersionId(), DeleteMarker: k.GetDeleteMarker(), Latest: k.GetLatest(), ACL: aclFrom(k.GetAcl()),
		Retention: retentionFrom(k.GetRetention()), LegalHold: k.GetLegalHold(), LegalHoldOff: k.GetLegalHoldOff(), Encryption: encryptionFrom(k.GetEncryption()),
	}
}

func objectFrom(r *ompb.KeyResult) Object {
	o := keyFrom(r.GetKey())
	o.Bucket = bucketFrom(r.GetBucket())
	o.SourceVersionID = r.GetSourceVersionId()
	o.blocks = blockList{blocks: r.GetKey().GetBlocks(), locations: r.GetLocations()}
	return o
}
