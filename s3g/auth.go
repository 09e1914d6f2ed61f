package s3g

import (
	"errors"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// authenticate finds out who asks. Open mode takes everybody's word, anonymous
// included, but not a signature that makes no sense or has expired. Secure mode
// verifies, before anything of the request is changed.
func (g *gateway) authenticate(r *request) (err error) {
	if r.Auth, err = sigv4.Parse(r.Request, r.Start); err != nil {
		return err
	}
	if v2 := r.Auth.Kind == sigv4.HeaderV2 || r.Auth.Kind == sigv4.QueryV2; v2 && !g.cfg.SigV2 {
		return s3err.AuthorizationV2Refused
	}
	if g.cfg.Secure {
		if err := g.verify(r); err != nil {
			return err
		}
	}
	switch r.Auth.Kind {
	case sigv4.QueryV4, sigv4.QueryV2:
		if err := hoist(r); err != nil {
			return err
		}
	}
	r.Request = r.WithContext(client.WithCaller(r.Context(), text(r.Auth.AccessKey)))
	return nil
}

// verify holds the signature against the user's secret. The order is AWS's: what is
// malformed, then time, then the access key, then the signature, then the body.
func (g *gateway) verify(r *request) error {
	if r.Auth.Kind == sigv4.Anonymous { // may do what everybody may
		return nil
	}
	if hash := r.Auth.PayloadHash; hash != "" { // version 2 has none
		if err := payload.CheckHash(hash); err != nil {
			return err
		}
	}
	if err := r.Auth.Fresh(r.Start); err != nil {
		return err
	}
	if token := securityToken(r); token != "" { // we issue none
		return s3err.InvalidToken.WithField("Token-0", token)
	}
	secret, err := g.callerSecret(r)
	if err != nil {
		return err
	}
	r.Auth.HostBucket = virtualBucket(r.Host, g.cfg.Domains)
	if err := r.Auth.Verify(r.Request, secret); err != nil {
		return err
	}
	r.secret = secret
	return checkNoBody(r)
}

// maxAccessKey is the longest name that om has for a user, in bytes: strangers can't fill
// our memory, nor om's time, with longer ones.
const maxAccessKey = 128

// callerSecret is the secret of who says to have signed r.
func (g *gateway) callerSecret(r *request) (string, error) {
	unknown := s3err.InvalidAccessKeyID.WithField("AWSAccessKeyId", r.Auth.AccessKey)
	if len(r.Auth.AccessKey) > maxAccessKey {
		return "", unknown
	}
	secret, err := g.secrets.get(r.Context(), text(r.Auth.AccessKey))
	if errors.Is(err, ozerr.UserNotFound) {
		return "", unknown
	}
	return secret, err
}

// securityToken is the token of temporary credentials, "" for none.
func securityToken(r *request) string {
	if r.Auth.Kind == sigv4.QueryV4 || r.Auth.Kind == sigv4.QueryV2 {
		for name, values := range r.Query {
			if strings.EqualFold(name, "x-amz-security-token") {
				return values[0]
			}
		}
	}
	return r.Header.Get("X-Amz-Security-Token")
}

// emptySHA256 is the hash of nothing.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// checkNoBody holds the signed hash against the body of a request without one, which
// most operations never look at.
func checkNoBody(r *request) error {
	hash := r.Auth.PayloadHash
	if r.ContentLength != 0 || len(hash) != len(emptySHA256) || strings.EqualFold(hash, emptySHA256) {
		return nil
	}
	return s3err.XAmzContentSHA256Mismatch.
		WithField("ClientComputedContentSHA256", hash).
		WithField("S3ComputedContentSHA256", emptySHA256)
}

// openBody opens the request's body; in secure mode the signatures of its chunks and of
// its trailer are verified.
func (r *request) openBody(o payload.Options) (*payload.Body, error) {
	if r.secret == "" {
		return payload.Open(r.Request, o)
	}
	switch r.Auth.Kind {
	case sigv4.HeaderV4, sigv4.QueryV4:
		o.Verifier = r.Auth.ChunkSigner(r.secret)
	default:
		if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-AWS4-") {
			return nil, s3err.InvalidRequest.With("Signatures of the body's chunks need a request signed with AWS4-HMAC-SHA256.")
		}
	}
	return payload.Open(r.Request, o)
}
