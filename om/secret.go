package om

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// A sealed secret is 0x01, 8 bytes that name the key, a nonce of 12 bytes and the
// secret under AES-256-GCM, with the user's name as additional data: a row copied to
// another user's opens for nobody.

const (
	sealFormat   = 1
	keyNameBytes = 8
	minSecret    = 8 // Ozone's
	maxSecret    = 256
	newSecretLen = 40 // AWS's
)

// sealer seals and opens secrets; the zero value, without a key, does neither.
type sealer struct {
	aead cipher.AEAD
	name []byte // of the key
}

func newSealer(key []byte) (sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	name := sha256.Sum256(append([]byte("mini-ozone secret key "), key...))
	return sealer{aead: aead, name: name[:keyNameBytes]}, err
}

func (s sealer) seal(user, secret string) []byte {
	out := append([]byte{sealFormat}, s.name...)
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails, see crypto/rand
	out = append(out, nonce...)
	return s.aead.Seal(out, nonce, []byte(secret), []byte(user))
}

// open fails when the secret was sealed with another key than this om has.
func (s sealer) open(user string, sealed []byte) (string, error) {
	head := 1 + keyNameBytes + s.aead.NonceSize()
	if len(sealed) < head || sealed[0] != sealFormat {
		return "", ozerr.New(ozerr.Internal, "the secret of user %s is in a form this om does not know", user)
	}
	if string(sealed[1:1+keyNameBytes]) != string(s.name) {
		return "", ozerr.New(ozerr.Internal, "the secret of user %s was sealed with another key than this om's: "+
			"all oms need the same file ozone.om.s3.secret.key.file", user)
	}
	secret, err := s.aead.Open(nil, sealed[head-s.aead.NonceSize():head], sealed[head:], []byte(user))
	if err != nil {
		return "", ozerr.New(ozerr.Internal, "the secret of user %s is damaged", user)
	}
	return string(secret), nil
}

// newSecret is 40 random characters, as AWS's secrets are: 238 bits.
func newSecret() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, newSecretLen)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}

// secret answers GetSecret. Only here a secret is in the clear, in no log, row or error.
func (s *Server) secret(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	op := req.GetGetSecret()
	if s.sealer.aead == nil {
		return nil, ozerr.New(ozerr.NotSupported, "there are S3 secrets only in secure mode (ozone.security.enabled=true)")
	}
	change := &ompb.SetUser{Name: op.Name}
	switch op.Action {
	case ompb.GetSecret_VERIFY:
		return s.verifySecret(ctx, op.Name)
	case ompb.GetSecret_GET:
		change.IfNoSecret = true
		change.SealedSecret = s.sealer.seal(op.Name, newSecret())
	case ompb.GetSecret_SET:
		if err := checkSecret(op.Secret); err != nil {
			return nil, err
		}
		change.SealedSecret = s.sealer.seal(op.Name, op.Secret)
	case ompb.GetSecret_REVOKE:
		change.MustExist = true
		change.SealedSecret = []byte{}
	default:
		return nil, ozerr.New(ozerr.InvalidRequest, "no such action on secrets: %d", op.Action)
	}
	// Under the caller's own sequence, so that a retry gets the first answer: the secret
	// that was made then.
	resp, err := s.propose(ctx, &ompb.Request{
		ClientId: req.ClientId, Sequence: req.Sequence, AckedBelow: req.AckedBelow, RequestId: req.RequestId,
		User: req.User, Op: &ompb.Request_SetUser{SetUser: change},
	})
	if err != nil {
		return nil, err
	}
	return s.opened(resp.GetUser(), resp.GetUser().GetSealedSecret())
}

func checkSecret(secret string) error {
	if len(secret) < minSecret || len(secret) > maxSecret {
		return ozerr.New(ozerr.InvalidArgument, "a secret has %d to %d characters", minSecret, maxSecret)
	}
	for i := range len(secret) {
		if secret[i] <= ' ' || secret[i] > '~' {
			return ozerr.New(ozerr.InvalidArgument, "a secret has printable ASCII characters only, and no spaces")
		}
	}
	return nil
}

func (s *Server) verifySecret(ctx context.Context, name string) (*ompb.Response, error) {
	if err := s.node.ReadIndex(ctx); err != nil {
		return nil, err
	}
	var sealed []byte
	err := s.node.View(func(tx *table.Txn) error {
		sealed = state.SealedSecret(tx, name)
		return tx.Err()
	})
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 {
		return nil, ozerr.New(ozerr.UserNotFound, "there is no user %s with a secret", name)
	}
	return s.opened(&ompb.UserInfo{Name: name}, sealed)
}

// opened is the answer about a user, with its secret if there is one.
func (s *Server) opened(u *ompb.UserInfo, sealed []byte) (*ompb.Response, error) {
	answer := &ompb.UserInfo{
		Name: u.GetName(), CanonicalId: u.GetCanonicalId(), DisplayName: u.GetDisplayName(), Email: u.GetEmail(),
		CreatedNs: u.GetCreatedNs(), ModifiedNs: u.GetModifiedNs(), HasSecret: len(sealed) > 0,
	}
	if len(sealed) > 0 {
		var err error
		if answer.Secret, err = s.sealer.open(u.GetName(), sealed); err != nil {
			return nil, err
		}
	}
	return &ompb.Response{Result: &ompb.Response_User{User: answer}}, nil
}
