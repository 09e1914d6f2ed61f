package client

import "github.com/mini-ozone/mini-ozone/proto/ompb"

func objectLockFrom(l *ompb.ObjectLock) *ObjectLock {
	if l == nil {
		return nil
	}
	return &ObjectLock{Mode: l.GetMode(), Days: int(l.GetDays()), Years: int(l.GetYears())}
}

func objectLockTo(l *ObjectLock) *ompb.ObjectLock {
	return &ompb.ObjectLock{Mode: l.Mode, Days: limit32(l.Days), Years: limit32(l.Years)}
}

func publicAccessFrom(p *ompb.PublicAccessBlock) *PublicAccessBlock {
	if p == nil {
		return nil
	}
	return &PublicAccessBlock{
		BlockPublicACLs: p.GetBlockPublicAcls(), IgnorePublicACLs: p.GetIgnorePublicAcls(),
		BlockPublicPolicy: p.GetBlockPublicPolicy(), RestrictPublicBuckets: p.GetRestrictPublicBuckets(),
	}
}

func publicAccessTo(p *PublicAccessBlock) *ompb.PublicAccessBlock {
	return &ompb.PublicAccessBlock{
		BlockPublicAcls: p.BlockPublicACLs, IgnorePublicAcls: p.IgnorePublicACLs,
		BlockPublicPolicy: p.BlockPublicPolicy, RestrictPublicBuckets: p.RestrictPublicBuckets,
	}
}

func defaultEncryptionFrom(e *ompb.DefaultEncryption) *DefaultEncryption {
	if e == nil {
		return nil
	}
	return &DefaultEncryption{Algorithm: e.GetAlgorithm(), KeyID: e.GetKeyId(), BucketKey: e.GetBucketKey()}
}

func defaultEncryptionTo(e *DefaultEncryption) *ompb.DefaultEncryption {
	return &ompb.DefaultEncryption{Algorithm: e.Algorithm, KeyId: e.KeyID, BucketKey: e.BucketKey}
}

func aclFrom(a *ompb.ACL) *ACL {
	if a == nil {
		return nil
	}
	return &ACL{Owner: a.GetOwner(), Grants: mapSlice(a.GetGrants(), func(g *ompb.Grant) Grant {
		return Grant{ID: g.GetId(), URI: g.GetUri(), Permission: g.GetPermission()}
	})}
}

// aclTo returns nil for nil: the row then has none, which is private.
func aclTo(a *ACL) *ompb.ACL {
	if a == nil {
		return nil
	}
	return &ompb.ACL{Owner: a.Owner, Grants: mapSlice(a.Grants, func(g Grant) *ompb.Grant {
		return &ompb.Grant{Id: g.ID, Uri: g.URI, Permission: g.Permission}
	})}
}

func retentionFrom(r *ompb.Retention) *Retention {
	if r.GetMode() == "" {
		return nil
	}
	return &Retention{Mode: r.GetMode(), Until: fromNS(r.GetUntilNs())}
}

func retentionTo(r *Retention) *ompb.Retention {
	if r == nil {
		return nil
	}
	return &ompb.Retention{Mode: r.Mode, UntilNs: toNS(r.Until)}
}

func encryptionFrom(e *ompb.Encryption) *Encryption {
	if e == nil {
		return nil
	}
	return &Encryption{
		Kind: e.GetKind(), Algorithm: e.GetAlgorithm(), KeyID: e.GetKeyId(), WrappedKey: e.GetWrappedKey(),
		CustomerKeyMD5: e.GetCustomerKeyMd5(), Chunk: int(e.GetChunk()), Overhead: int(e.GetOverhead()),
		Salt: e.GetSalt(), Context: e.GetContext(), BucketKey: e.GetBucketKey(),
	}
}

func encryptionTo(e *Encryption) *ompb.Encryption {
	if e == nil {
		return nil
	}
	return &ompb.Encryption{
		Kind: e.Kind, Algorithm: e.Algorithm, KeyId: e.KeyID, WrappedKey: e.WrappedKey,
		CustomerKeyMd5: e.CustomerKeyMD5, Chunk: limit32(e.Chunk), Overhead: limit32(e.Overhead),
		Salt: e.Salt, Context: e.Context, BucketKey: e.BucketKey,
	}
}

func userFrom(u *ompb.UserInfo) User {
	return User{
		Name: u.GetName(), CanonicalID: u.GetCanonicalId(), DisplayName: u.GetDisplayName(), Email: u.GetEmail(),
		Created: fromNS(u.GetCreatedNs()), Modified: fromNS(u.GetModifiedNs()),
		HasSecret: u.GetHasSecret(), Secret: u.GetSecret(),
	}
}
