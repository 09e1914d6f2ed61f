package s3g

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/access"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// getBucketPolicy answers GET ?policy with the text as it was put.
func (g *gateway) getBucketPolicy(w http.ResponseWriter, r *request) error {
	doc, err := g.buckets.GetBucketDocument(r.Context(), r.bucketRef(), client.DocumentPolicy, r.expectedOwner())
	if errors.Is(err, ozerr.DocumentNotFound) {
		return s3err.NoSuchBucketPolicy.WithField("BucketName", r.Bucket)
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(doc.Content))}
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(doc.Content)
	return err
}

// putBucketPolicy answers PUT ?policy. Owners cannot lock themselves out, so
// x-amz-confirm-remove-self-bucket-access has nothing to confirm.
func (g *gateway) putBucketPolicy(w http.ResponseWriter, r *request) error {
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	doc, err := readDocument(r, maxXML)
	if err != nil {
		return err
	}
	policy, err := access.Parse(doc, r.Bucket)
	if err != nil {
		return malformedPolicy(err)
	}
	if err := g.checkNames(r, policy); err != nil {
		return err
	}
	if p := b.PublicAccessBlock; p != nil && p.BlockPublicPolicy && policy.Public() {
		return s3err.AccessDenied
	}
	if err := g.setDocument(r, client.DocumentPolicy, doc); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// malformedPolicy is what a client is told of a policy that access cannot read.
func malformedPolicy(err error) error {
	var m *access.Malformed
	if errors.As(err, &m) {
		return s3err.MalformedPolicy.With(m.Message)
	}
	return err
}

// checkNames refuses a policy about users there are not. In open mode any name is one.
func (g *gateway) checkNames(r *request, p *access.Policy) error {
	if !g.cfg.Secure {
		return nil
	}
	for _, name := range p.Names() {
		_, err := g.canonicalID(r, name)
		if errors.Is(err, s3err.InvalidArgument) {
			return s3err.MalformedPolicy.With("Invalid principal in policy")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteBucketPolicy answers DELETE ?policy, also where there is none.
func (g *gateway) deleteBucketPolicy(w http.ResponseWriter, r *request) error {
	if err := g.setDocument(r, client.DocumentPolicy, nil); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// getBucketPolicyStatus answers GET ?policyStatus: is the bucket public, by its policy
// or its ACL?
func (g *gateway) getBucketPolicyStatus(w http.ResponseWriter, r *request) error {
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	policy, _, err := g.policies.of(r.Context(), b)
	if err != nil {
		return err
	}
	block := client.PublicAccessBlock{}
	if b.PublicAccessBlock != nil {
		block = *b.PublicAccessBlock
	}
	public := policy.Public() && !block.RestrictPublicBuckets ||
		access.PublicGrants(grantsOf(b.ACL)) && !block.IgnorePublicACLs && b.ObjectOwnership != access.BucketOwnerEnforced
	return writeXML(w, &s3xml.PolicyStatus{IsPublic: public})
}

// parsePolicy reads a stored policy, whose resources were checked when it came. One that
// another version has stored and this one cannot read denies everything but to change it.
func parsePolicy(doc []byte) (*access.Policy, error) {
	if p, err := access.Parse(doc, ""); err == nil {
		return p, nil
	}
	return access.Unreadable(), nil
}
