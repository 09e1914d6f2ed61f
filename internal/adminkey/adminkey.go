// Package adminkey finds the key by which, in secure mode, servers and administrators
// know one another and encrypt what they say.
package adminkey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/mini-ozone/mini-ozone/conf"
	"github.com/mini-ozone/mini-ozone/internal/keyfile"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// FileName is the name of the file that om makes at the first secure start.
const FileName = "admin.key"

// How one says where it is.
const howTo = "-D ozone.admin.key.file=FILE or OZONE_ADMIN_KEY_FILE=FILE names a copy of " + FileName +
	", which om made at its first secure start"

// Load reads the admin key of a program that is not om; nil in open mode. In secure
// mode there must be one.
func Load(c *conf.Config) ([]byte, error) {
	if !c.Bool("ozone.security.enabled") {
		return nil, nil
	}
	path := c.String("ozone.admin.key.file")
	if path == "" {
		return nil, ozerr.New(ozerr.AdminKeyRefused, "secure mode needs the admin key: "+howTo)
	}
	return Read(path)
}

// Read reads the admin key in the file path.
func Read(path string) ([]byte, error) {
	key, err := keyfile.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, &ozerr.Error{Code: ozerr.AdminKeyRefused, Message: fmt.Sprintf("admin key: %v; %s", err, howTo), Err: err}
	case err != nil:
		return nil, &ozerr.Error{Code: ozerr.AdminKeyRefused, Message: fmt.Sprintf("admin key: %v", err), Err: err}
	}
	return key, nil
}

// PagesToken is what the web pages of servers want to be shown in secure mode, "" without
// a key. It opens nothing else: pages are read in the clear.
func PagesToken(key []byte) string {
	if key == nil {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("mini-ozone web pages"))
	return hex.EncodeToString(mac.Sum(nil))
}
