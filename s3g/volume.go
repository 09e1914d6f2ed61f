package s3g

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// AnonymousVolume holds the buckets of callers without an access key.
const AnonymousVolume = "s3anonymous"

// VolumeFor is the volume of the S3 buckets that accessKey creates: "s3" and the
// key in lower case, as Ozone has it.
//
// Two keys share a volume if they differ only in case: that is Ozone's rule. A
// key that makes no legal volume name (3 to 63 of a-z, 0-9, "-" and ".", with a
// letter or digit at the ends and beside every dot) gets "s3" + what is legal of
// it, at most 40 characters + "-" + 16 hex digits of the SHA-256 of the key as
// given. The mapping never changes: buckets would be lost from sight.
func VolumeFor(accessKey string) string {
	if accessKey == "" {
		return AnonymousVolume
	}
	if name := "s3" + strings.ToLower(accessKey); legalVolume(name) && name != AnonymousVolume {
		return name
	}
	sum := sha256.Sum256([]byte(accessKey))
	return "s3" + sanitize(accessKey) + "-" + hex.EncodeToString(sum[:8])
}

// sanitize keeps the letters and digits of a key, in lower case, at most 40.
func sanitize(key string) string {
	out := make([]byte, 0, 40)
	for i := 0; i < len(key) && len(out) < cap(out); i++ {
		c := key[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if alnum(c) {
			out = append(out, c)
		}
	}
	return string(out)
}

// legalVolume is Ozone's rule for the names of volumes and buckets.
func legalVolume(name string) bool {
	if len(name) < 3 || len(name) > 63 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case alnum(c):
		case c != '-' && c != '.':
			return false
		case i == 0 || i == len(name)-1:
			return false
		case c == '.' && !alnum(name[i-1]), c == '-' && name[i-1] == '.':
			return false
		}
	}
	return true
}

func alnum(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
