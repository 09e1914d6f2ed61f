package s3g

import (
	"net/http"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/s3g/access"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// getPublicAccessBlock answers GET ?publicAccessBlock.
func (g *gateway) getPublicAccessBlock(w http.ResponseWriter, r *request) error {
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	p := b.PublicAccessBlock
	if p == nil {
		return s3err.NoSuchPublicAccessBlock.WithField("BucketName", r.Bucket)
	}
	return writeXML(w, &s3xml.PublicAccessBlockConfiguration{
		BlockPublicAcls: p.BlockPublicACLs, IgnorePublicAcls: p.IgnorePublicACLs,
		BlockPublicPolicy: p.BlockPublicPolicy, RestrictPublicBuckets: p.RestrictPublicBuckets,
	})
}

// putPublicAccessBlock answers PUT ?publicAccessBlock. What is public already stays
// stored; two of the switches make that it does not count.
func (g *gateway) putPublicAccessBlock(w http.ResponseWriter, r *request) error {
	doc := new(s3xml.PublicAccessBlockConfiguration)
	if err := readXML(r, doc); err != nil {
		return err
	}
	change := client.BucketChange{PublicAccessBlock: &client.PublicAccessBlock{
		BlockPublicACLs: doc.BlockPublicAcls, IgnorePublicACLs: doc.IgnorePublicAcls,
		BlockPublicPolicy: doc.BlockPublicPolicy, RestrictPublicBuckets: doc.RestrictPublicBuckets,
	}}
	if _, err := g.buckets.SetBucket(r.Context(), r.bucketRef(), change, r.expectedOwner()); err != nil {
		return err
	}
	return writeEmpty(w)
}

// deletePublicAccessBlock answers DELETE ?publicAccessBlock, also where there is none.
func (g *gateway) deletePublicAccessBlock(w http.ResponseWriter, r *request) error {
	change := client.BucketChange{NoPublicAccessBlock: true}
	if _, err := g.buckets.SetBucket(r.Context(), r.bucketRef(), change, r.expectedOwner()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// getOwnershipControls answers GET ?ownershipControls.
func (g *gateway) getOwnershipControls(w http.ResponseWriter, r *request) error {
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	if b.ObjectOwnership == "" {
		return s3err.OwnershipControlsNotFound.WithField("BucketName", r.Bucket)
	}
	return writeXML(w, &s3xml.OwnershipControls{Rules: []s3xml.OwnershipRule{{ObjectOwnership: b.ObjectOwnership}}})
}

// putOwnershipControls answers PUT ?ownershipControls. A bucket whose ACL gives others
// something cannot do without ACLs.
func (g *gateway) putOwnershipControls(w http.ResponseWriter, r *request) error {
	doc := new(s3xml.OwnershipControls)
	if err := readXML(r, doc); err != nil {
		return err
	}
	if len(doc.Rules) != 1 || !ownership(doc.Rules[0].ObjectOwnership) {
		return s3err.MalformedXML
	}
	setting := doc.Rules[0].ObjectOwnership
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	if setting == access.BucketOwnerEnforced && grantsOthers(b.ACL, b.Owner) {
		return s3err.InvalidBucketAclWithObjectOwnership
	}
	if err := g.setOwnership(r, setting); err != nil {
		return err
	}
	return writeEmpty(w)
}

// deleteOwnershipControls answers DELETE ?ownershipControls: writers own what they
// write.
func (g *gateway) deleteOwnershipControls(w http.ResponseWriter, r *request) error {
	if err := g.setOwnership(r, ""); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g *gateway) setOwnership(r *request, setting string) error {
	_, err := g.buckets.SetBucket(r.Context(), r.bucketRef(), client.BucketChange{ObjectOwnership: &setting}, r.expectedOwner())
	return err
}

func ownership(setting string) bool {
	switch setting {
	case access.BucketOwnerEnforced, access.BucketOwnerPreferred, access.ObjectWriter:
		return true
	}
	return false
}

// grantsOthers says whether an ACL gives anything to others than owner.
func grantsOthers(acl *client.ACL, owner string) bool {
	if acl == nil {
		return false
	}
	id := identity.CanonicalID(owner)
	for _, g := range acl.Grants {
		if g.ID != id {
			return true
		}
	}
	return false
}

// newBucketAccess reads what the headers of CreateBucket say of who owns the objects,
// and the ACL of the bucket. Nothing said is the configuration's default, where
// ObjectWriter is what a bucket without a setting has.
func (g *gateway) newBucketAccess(r *request) (acl *client.ACL, setting string, err error) {
	setting = r.Header.Get("X-Amz-Object-Ownership")
	switch {
	case setting == "" && g.cfg.ObjectOwnership != access.ObjectWriter:
		setting = g.cfg.ObjectOwnership
	case setting != "" && !ownership(setting):
		return nil, "", s3err.Argument("x-amz-object-ownership", text(setting), "Invalid x-amz-object-ownership header: "+text(setting))
	}
	if acl, err = g.headerACL(r, bucketACL); err != nil {
		return nil, "", err
	}
	if setting == access.BucketOwnerEnforced && grantsOthers(acl, r.callerName()) {
		return nil, "", s3err.InvalidBucketAclWithObjectOwnership
	}
	return acl, setting, nil
}

// getRequestPayment answers GET ?requestPayment: here nobody else ever pays.
func (g *gateway) getRequestPayment(w http.ResponseWriter, r *request) error {
	if _, err := g.bucketOf(r); err != nil {
		return err
	}
	return writeXML(w, &s3xml.RequestPaymentConfiguration{Payer: "BucketOwner"})
}

// getBucketLogging answers GET ?logging: off.
func (g *gateway) getBucketLogging(w http.ResponseWriter, r *request) error {
	if _, err := g.bucketOf(r); err != nil {
		return err
	}
	return writeXML(w, &s3xml.BucketLoggingStatus{})
}

// getAccelerate answers GET ?accelerate: never set.
func (g *gateway) getAccelerate(w http.ResponseWriter, r *request) error {
	if _, err := g.bucketOf(r); err != nil {
		return err
	}
	return writeXML(w, &s3xml.AccelerateConfiguration{})
}
