package s3g

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/sse"
)

// sealing is the encryption of the bytes of one PUT or one part. nil is none: its
// methods then give everything as it is.
type sealing struct {
	key  sse.DataKey
	meta client.Encryption // with the salt of these bytes
}

// newSealing is the encryption of the object that r writes.
func (g *gateway) newSealing(r *request) (*sealing, error) {
	wish, err := g.writerWish(r)
	if err != nil {
		return nil, err
	}
	return g.seal(r.Context(), wish)
}

// writerWish is the encryption that r's headers ask for, else the bucket's default.
func (g *gateway) writerWish(r *request) (encryptionWish, error) {
	wish, err := g.encryptionWish(r)
	if err != nil || !wish.empty() {
		return wish, err
	}
	if r.bucket == nil && g.plain.has(r.Bucket, r.Start) {
		return wish, nil
	}
	b, err := g.bucketOf(r)
	if err != nil {
		return wish, err
	}
	if b.Encryption == nil {
		g.plain.remember(r.Bucket, r.Start)
		return wish, nil
	}
	return encryptionWish{algorithm: b.Encryption.Algorithm, keyID: b.Encryption.KeyID, bucketKey: b.Encryption.BucketKey}, nil
}

// seal makes a data key and wraps it as the wish wants it; nil if it wants nothing.
func (g *gateway) seal(ctx context.Context, wish encryptionWish) (*sealing, error) {
	if wish.empty() {
		return nil, nil
	}
	s := &sealing{key: sse.NewDataKey()}
	var err error
	s.meta, err = g.wrap(ctx, s.key, wish)
	s.meta.Chunk, s.meta.Overhead, s.meta.Salt = sse.Chunk, sse.Overhead, sse.NewSalt()
	return s, err
}

// wrap is what an object keeps of its data key, as the wish wants it.
func (g *gateway) wrap(ctx context.Context, key sse.DataKey, w encryptionWish) (e client.Encryption, err error) {
	switch {
	case w.customer != nil:
		e = client.Encryption{Kind: sse.KindCustomer, Algorithm: algorithmAES, CustomerKeyMD5: w.customer.md5}
		e.WrappedKey = sse.Wrap(w.customer.key, e.Kind, "", key)
	case w.algorithm == algorithmAES:
		if err := g.canManage(); err != nil {
			return e, err
		}
		e = client.Encryption{Kind: sse.KindS3, Algorithm: algorithmAES}
		e.WrappedKey, e.KeyID = g.cfg.ClusterKeys.Wrap(key)
	default:
		if err := g.canKMS(); err != nil {
			return e, err
		}
		e = client.Encryption{Kind: sse.KindKMS, Algorithm: algorithmKMS, Context: w.context, BucketKey: w.bucketKey}
		e.WrappedKey, e.KeyID, err = g.cfg.KMS.Wrap(ctx, w.keyID, w.context, key)
	}
	return e, kmsError(err)
}

// kmsError gives a failure of the KMS the code that AWS has for it.
func kmsError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sse.ErrKMSKey):
		return s3err.KMSNotFound.Wrap(err)
	case errors.Is(err, sse.ErrKMSDenied):
		return s3err.AccessDenied.Wrap(err)
	}
	return s3err.ServiceUnavailable.Wrap(err)
}

// partSealing is the encryption of a part that r brings to the upload.
func (g *gateway) partSealing(r *request, up *client.Upload) (*sealing, error) {
	customer, err := g.customerKey(r, customerPrefix)
	if err != nil {
		return nil, err
	}
	e := up.Encryption
	switch wants := e != nil && e.Kind == sse.KindCustomer; {
	case wants && customer == nil:
		return nil, s3err.InvalidRequest.With("The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.")
	case !wants && customer != nil:
		return nil, s3err.InvalidRequest.With("The multipart upload initiate did not request encryption. Please resend the request without sending encryption parameters.")
	case wants && !customer.is(e.CustomerKeyMD5):
		return nil, s3err.InvalidRequest.With("The provided encryption parameters did not match the ones used originally.")
	case e == nil:
		return nil, nil
	}
	key, err := g.dataKey(r.Context(), e, customer)
	if err != nil {
		return nil, err
	}
	s := &sealing{key: key, meta: *e}
	s.meta.Salt = sse.NewSalt()
	return s, nil
}

// reader gives body's bytes as they are to be stored.
func (s *sealing) reader(body io.Reader) io.Reader {
	if s == nil {
		return body
	}
	return sse.Encrypt(body, s.key, s.meta.Salt)
}

// encryption is what the store keeps of it.
func (s *sealing) encryption() *client.Encryption {
	if s == nil {
		return nil
	}
	return &s.meta
}

// seal gives the store what was found out about body while it streamed by. As on
// AWS the ETag is the MD5 of the plain bytes unless somebody else has the key.
func (s *sealing) seal(body *payload.Body) (client.Sealed, error) {
	sealed, err := body.Sealed()
	if err != nil {
		return client.Sealed{}, err
	}
	out := client.Sealed{ETag: sealed.MD5, Size: sealed.Size}
	if s != nil && s.meta.Kind != sse.KindS3 {
		out.ETag = randomETag()
	}
	for _, c := range sealed.Checksums {
		out.Checksums = append(out.Checksums, client.Checksum{Algorithm: c.Algorithm, Value: c.Value, Type: fullObject})
	}
	return out, nil
}

// randomETag looks like an MD5 and tells nothing of the bytes.
func randomETag() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// readerKey is the customer's key with which r may read o; nil for objects that need
// none. prefix is that of the headers it comes in.
func (g *gateway) readerKey(r *request, prefix string, o *client.Object) (*customerKey, error) {
	if prefix == customerPrefix && r.Header.Get(sseHeader) != "" {
		return nil, encryptionArgument(text(r.Header.Get(sseHeader)), "x-amz-server-side-encryption header is not supported for this operation.")
	}
	customer, err := g.customerKey(r, prefix)
	if err != nil {
		return nil, err
	}
	switch wants := o.Encryption != nil && o.Encryption.Kind == sse.KindCustomer; {
	case wants && customer == nil:
		return nil, s3err.InvalidRequest.With("The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
	case !wants && customer != nil:
		return nil, s3err.InvalidRequest.With("The encryption parameters are not applicable to this object.")
	case !wants:
		return nil, nil
	case !customer.is(o.Encryption.CustomerKeyMD5):
		return nil, s3err.AccessDenied
	}
	_, err = g.dataKey(r.Context(), o.Encryption, customer)
	return customer, err
}

// dataKey unwraps the key of an object or an upload.
func (g *gateway) dataKey(ctx context.Context, e *client.Encryption, customer *customerKey) (sse.DataKey, error) {
	switch {
	case e.Kind == sse.KindCustomer && customer != nil:
		key, err := sse.Unwrap(customer.key, e.Kind, "", e.WrappedKey)
		if err != nil {
			return key, s3err.AccessDenied.Wrap(err)
		}
		return key, nil
	case e.Kind == sse.KindS3 && g.cfg.ClusterKeys != nil:
		return g.cfg.ClusterKeys.Unwrap(e.KeyID, e.WrappedKey)
	case e.Kind == sse.KindKMS && g.cfg.KMS != nil:
		key, err := g.cfg.KMS.Unwrap(ctx, e.KeyID, e.Context, e.WrappedKey)
		return key, kmsError(err)
	}
	return sse.DataKey{}, s3err.InternalError.Wrap(errors.New("no key for objects encrypted with " + e.Kind + " is configured"))
}

// read opens n bytes of o from off, decrypted.
func (g *gateway) read(ctx context.Context, o client.Object, customer *customerKey, off, n int64) (client.Reader, error) {
	e := o.Encryption
	if e == nil {
		return g.objects.ReadObject(ctx, o, off, n), nil
	}
	key, err := g.dataKey(ctx, e, customer)
	if err != nil {
		return nil, err
	}
	if e.Overhead != sse.Overhead || e.Chunk < 1 {
		return nil, s3err.InternalError.Wrap(errors.New("the object is encrypted in a form of a later version"))
	}
	open := func(off, n int64) sse.Reader { return g.objects.ReadObject(ctx, o, off, n) }
	return sse.Decrypt(open, key, int64(e.Chunk), streams(&o), off, n), nil
}

// streams are what o was encrypted in: its parts, or itself.
func streams(o *client.Object) []sse.Part {
	if len(o.Parts) == 0 {
		return []sse.Part{{Size: o.Size, Salt: o.Encryption.Salt}}
	}
	out := make([]sse.Part, len(o.Parts))
	for i := range o.Parts {
		out[i] = sse.Part{Size: o.Parts[i].Size, Salt: o.Parts[i].Salt}
	}
	return out
}

// tellEncryption says in an answer's head how an object, a part or an upload is
// encrypted.
func tellEncryption(h http.Header, e *client.Encryption) {
	switch {
	case e == nil:
	case e.Kind == sse.KindCustomer:
		h[customerPrefix+"Algorithm"] = []string{e.Algorithm}
		h[customerPrefix+"Key-Md5"] = []string{e.CustomerKeyMD5}
	case e.Kind == sse.KindKMS:
		h[sseKeyIDHeader] = []string{e.KeyID}
		if e.BucketKey {
			h[sseBucketKey] = []string{"true"}
		}
		fallthrough
	default:
		h[sseHeader] = []string{e.Algorithm}
	}
}

// tellManaged is tellEncryption without SSE-C, which Complete doesn't tell, as on AWS.
func tellManaged(h http.Header, e *client.Encryption) {
	if e != nil && e.Kind != sse.KindCustomer {
		tellEncryption(h, e)
	}
}

// stringMap says whether raw is JSON of an object with nothing but strings.
func stringMap(raw []byte) bool {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	var m map[string]string
	return d.Decode(&m) == nil && m != nil && !d.More()
}
