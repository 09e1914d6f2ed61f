package s3g

import (
	"net/http"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// getBucketEncryption answers GET ?encryption. A bucket of which nobody has said
// anything has no default here, where AWS's has AES256.
func (g *gateway) getBucketEncryption(w http.ResponseWriter, r *request) error {
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	e := b.Encryption
	if e == nil {
		return s3err.ServerSideEncryptionConfigurationErr.WithField("BucketName", r.Bucket)
	}
	return writeXML(w, &s3xml.ServerSideEncryptionConfiguration{Rules: []s3xml.EncryptionRule{{
		Default:   &s3xml.EncryptionByDefault{SSEAlgorithm: e.Algorithm, KMSMasterKeyID: e.KeyID},
		BucketKey: &e.BucketKey,
	}}})
}

// putBucketEncryption answers PUT ?encryption: what objects get whose writer asks for
// nothing, from now on.
func (g *gateway) putBucketEncryption(w http.ResponseWriter, r *request) error {
	doc := new(s3xml.ServerSideEncryptionConfiguration)
	if err := readXML(r, doc); err != nil {
		return err
	}
	e, err := g.defaultEncryption(doc)
	if err != nil {
		return err
	}
	if err := g.setEncryption(r, e); err != nil {
		return err
	}
	return writeEmpty(w)
}

// deleteBucketEncryption answers DELETE ?encryption, also where there is none.
func (g *gateway) deleteBucketEncryption(w http.ResponseWriter, r *request) error {
	if err := g.setEncryption(r, client.DefaultEncryption{}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g *gateway) setEncryption(r *request, e client.DefaultEncryption) error {
	_, err := g.buckets.SetBucket(r.Context(), r.bucketRef(), client.BucketChange{Encryption: &e}, r.expectedOwner())
	g.plain.forget(r.Bucket)
	return err
}

// defaultEncryption checks a configuration: one rule, with an encryption that this
// gateway could give, so that no later PUT fails for it.
func (g *gateway) defaultEncryption(doc *s3xml.ServerSideEncryptionConfiguration) (e client.DefaultEncryption, err error) {
	if len(doc.Rules) != 1 || doc.Rules[0].Default == nil {
		return e, s3err.MalformedXML
	}
	rule := &doc.Rules[0]
	e = client.DefaultEncryption{Algorithm: rule.Default.SSEAlgorithm, KeyID: rule.Default.KMSMasterKeyID}
	if rule.BucketKey != nil {
		e.BucketKey = *rule.BucketKey
	}
	switch e.Algorithm {
	case algorithmAES:
		if e.KeyID != "" {
			return e, s3err.Argument("ApplyServerSideEncryptionByDefault", "", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
		return e, g.canManage()
	case algorithmKMS:
		return e, g.canKMS()
	case algorithmDSSE:
		return e, noDualLayer()
	}
	return e, s3err.MalformedXML
}

// canManage is the error of a gateway that can't give SSE-S3.
func (g *gateway) canManage() error {
	if g.cfg.ClusterKeys == nil {
		return s3err.NotImplemented.With("This store has no key for server-side encryption with managed keys (ozone.s3g.sse.key.file).")
	}
	return nil
}

// canKMS is the error of a gateway that can't give SSE-KMS.
func (g *gateway) canKMS() error {
	if g.cfg.KMS == nil {
		return s3err.NotImplemented.With("Server-side encryption with aws:kms is not implemented: no KMS is configured.")
	}
	return nil
}

func noDualLayer() error {
	return s3err.NotImplemented.With("Dual-layer server-side encryption (aws:kms:dsse) is not implemented.")
}
