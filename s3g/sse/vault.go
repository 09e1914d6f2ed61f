package sse

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// VaultConfig says where a HashiCorp Vault (or OpenBao) and its transit engine are.
type VaultConfig struct {
	Address   string // URL, as VAULT_ADDR
	Mount     string // of the transit engine, "transit" if not moved
	Prefix    string // before the key names of requests, so that they name no others
	Key       string // for requests that name none; "": they must
	TokenFile string // read for every call: an agent may renew the token
}

// Vault is a KMS: Vault's transit engine. The token needs `update` on encrypt/* and
// decrypt/* of the mount; with `create` a request makes the key that it names.
type Vault struct {
	cfg  VaultConfig
	base *url.URL
	http *http.Client
}

var _ KMS = (*Vault)(nil)

// vaultTimeout bounds a call: a PUT waits for it.
const vaultTimeout = 10 * time.Second

// NewVault checks the configuration; it doesn't call Vault.
func NewVault(cfg VaultConfig) (*Vault, error) {
	base, err := url.Parse(cfg.Address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("sse: the address of Vault %q is no URL", cfg.Address)
	}
	if cfg.TokenFile == "" {
		return nil, fmt.Errorf("sse: Vault at %s needs a token file", cfg.Address)
	}
	if _, err := os.Stat(cfg.TokenFile); err != nil {
		return nil, fmt.Errorf("sse: the token of Vault: %w", err)
	}
	return &Vault{cfg: cfg, base: base, http: &http.Client{Timeout: vaultTimeout}}, nil
}

// keyName is what Vault takes as the name of a key, and a URL as part of a path.
var keyName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$`)

// Wrap encrypts key with transit. keyID may also be an ARN or an alias of AWS's form:
// what follows the last slash counts.
func (v *Vault) Wrap(ctx context.Context, keyID, encryptionContext string, key DataKey) ([]byte, string, error) {
	if keyID == "" {
		keyID = v.cfg.Key
	}
	answer, err := v.call(ctx, "encrypt", keyID, vaultRequest{
		Plaintext: base64.StdEncoding.EncodeToString(key[:]), AssociatedData: encryptionContext,
	})
	return []byte(answer.Ciphertext), keyID, err
}

// Unwrap decrypts what Wrap gave.
func (v *Vault) Unwrap(ctx context.Context, id, encryptionContext string, wrapped []byte) (key DataKey, err error) {
	answer, err := v.call(ctx, "decrypt", id, vaultRequest{Ciphertext: string(wrapped), AssociatedData: encryptionContext})
	if err != nil {
		return key, err
	}
	raw, err := base64.StdEncoding.DecodeString(answer.Plaintext)
	if err != nil || len(raw) != KeySize {
		return key, fmt.Errorf("sse: Vault's answer is no key")
	}
	copy(key[:], raw)
	return key, nil
}

type vaultRequest struct {
	Plaintext      string `json:"plaintext,omitempty"`
	Ciphertext     string `json:"ciphertext,omitempty"`
	AssociatedData string `json:"associated_data,omitempty"` // base64, as the context is
}

type vaultAnswer struct {
	Plaintext  string `json:"plaintext"`
	Ciphertext string `json:"ciphertext"`
}

// call does one operation of transit with a key.
func (v *Vault) call(ctx context.Context, operation, keyID string, body vaultRequest) (vaultAnswer, error) {
	name := keyID[strings.LastIndexByte(keyID, '/')+1:]
	if !keyName.MatchString(name) {
		return vaultAnswer{}, fmt.Errorf("%w: %q", ErrKMSKey, keyID)
	}
	token, err := os.ReadFile(v.cfg.TokenFile)
	if err != nil {
		return vaultAnswer{}, fmt.Errorf("sse: the token of Vault: %w", err)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return vaultAnswer{}, fmt.Errorf("sse: %w", err)
	}
	to := v.base.JoinPath("v1", v.cfg.Mount, operation, v.cfg.Prefix+name).String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(raw))
	if err != nil {
		return vaultAnswer{}, fmt.Errorf("sse: %w", err)
	}
	req.Header.Set("X-Vault-Token", strings.TrimSpace(string(token)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := v.http.Do(req)
	if err != nil {
		return vaultAnswer{}, fmt.Errorf("sse: Vault: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return readAnswer(resp, keyID)
}

// maxAnswer is more than any answer of transit about one key has.
const maxAnswer = 64 << 10

func readAnswer(resp *http.Response, keyID string) (vaultAnswer, error) {
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusNotFound:
		return vaultAnswer{}, fmt.Errorf("%w: %q", ErrKMSKey, keyID)
	case http.StatusForbidden:
		return vaultAnswer{}, fmt.Errorf("%w the key %q", ErrKMSDenied, keyID)
	default:
		return vaultAnswer{}, fmt.Errorf("sse: Vault answers %s", resp.Status)
	}
	var doc struct {
		Data vaultAnswer `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&doc); err != nil {
		return vaultAnswer{}, fmt.Errorf("sse: Vault's answer: %w", err)
	}
	return doc.Data, nil
}
