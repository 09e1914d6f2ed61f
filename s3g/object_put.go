package s3g

import (
	"net/http"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

const (
	// maxObject is the largest object: AWS's 5 TiB. One PUT may bring it all; AWS
	// wants parts from 5 GiB on, which a store that streams has no reason to.
	maxObject = 5 << 40
	// maxPart is the largest part of an upload, copied or sent: AWS's 5 GiB.
	maxPart = 5 << 30
	// defaultChecksum is what an object of one PUT gets whose writer names none, as on AWS.
	defaultChecksum = "CRC64NVME"
	// lookFirst is the size from which a body is worth finding out first whether
	// its bucket is there; below, the commit says so soon enough.
	lookFirst = 1 << 20
)

// putObject answers PUT of an object.
func (g *gateway) putObject(w http.ResponseWriter, r *request) error {
	if err := requireLength(r.Request); err != nil {
		return err
	}
	if _, err := g.storeObject(w.Header(), r, payload.Options{MaxSize: maxObject}); err != nil {
		return err
	}
	w.Header()["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}

// storeObject stores r's body as the object that r's headers describe, and puts what
// a writer is told of it into h. r is a PUT, or was made of the fields of a POST form.
func (g *gateway) storeObject(h http.Header, r *request, limits payload.Options) (client.Object, error) {
	meta, err := parseMeta(r)
	if err != nil {
		return client.Object{}, err
	}
	protection, err := g.protection(r)
	if err != nil {
		return client.Object{}, err
	}
	if err := requireLockDigest(r, &protection); err != nil {
		return client.Object{}, err
	}
	cond, err := writeCondition(r.Header)
	if err != nil {
		return client.Object{}, err
	}
	sealing, err := g.newSealing(r)
	if err != nil {
		return client.Object{}, err
	}
	if limits.Algorithm == "" {
		limits.Algorithm = defaultChecksum
	}
	body, err := r.openBody(limits)
	if err != nil {
		return client.Object{}, err
	}
	defer func() { _ = body.Close() }()
	if n := body.Size(); n < 0 || n >= lookFirst {
		if _, err := g.bucketOf(r); err != nil {
			return client.Object{}, err
		}
	}
	o, err := g.objects.PutObject(r.Context(), r.keyRef(), sealing.reader(body), client.PutOptions{
		Meta: meta, Protection: protection, Condition: cond, ExpectedOwner: r.expectedOwner(), Replication: replication(meta.StorageClass),
		Encryption: sealing.encryption(), Post: r.row.op == "PostObject",
		Seal: func(int64) (client.Sealed, error) { return sealing.seal(body) },
	})
	if err != nil {
		return o, err
	}
	h["Etag"] = []string{quote(o.ETag)}
	tellNewVersion(h, &o)
	g.setExpiration(h, r, &o)
	putChecksums(h, o.Checksums)
	tellEncryption(h, sealing.encryption())
	return o, nil
}

// requireLength refuses a body of which nothing says where it ends: in HTTP/1 it
// would be taken for empty, and an object would be lost without an error.
func requireLength(r *http.Request) error {
	if r.ContentLength == 0 && r.ProtoMajor == 1 && r.Header["Content-Length"] == nil {
		return s3err.MissingContentLength
	}
	return nil
}

var zeroLength = []string{"0"}
