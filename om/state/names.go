package state

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
)

const (
	maxKey  = 1024     // bytes of a key, S3's limit
	maxName = 1024     // bytes of owners, client ids and the like
	maxMeta = 64 << 10 // bytes of a key's metadata, headers and tags; S3 allows 2 KiB of metadata

	// A body row holds 512 parts with these.
	maxChecksums = 8
	maxAlgorithm = 24  // bytes of a checksum's algorithm or type, or of a storage class
	maxDigest    = 128 // bytes of an etag or a checksum; SHA-512 in hex is as long

	maxMessage = 512 // bytes of an error; answers are kept, up to a thousand of them in one row
)

// legalName applies the rules volumes and buckets share: Ozone's resource names, which
// are S3's bucket names (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
func legalName(name string) bool {
	if len(name) < 3 || len(name) > 63 {
		return false
	}
	for i := range len(name) {
		ch := name[i]
		if (ch < 'a' || ch > 'z') && (ch < '0' || ch > '9') && ch != '.' && ch != '-' {
			return false
		}
	}
	if strings.ContainsAny(name[:1]+name[len(name)-1:], ".-") {
		return false
	}
	for _, bad := range []string{"..", ".-", "-."} {
		if strings.Contains(name, bad) {
			return false
		}
	}
	addr, err := netip.ParseAddr(name)
	return err != nil || !addr.Is4()
}

// legalS3Name adds what AWS reserves for itself.
func legalS3Name(name string) bool {
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	return legalName(name)
}

// checkKey: 1 to 1024 bytes of UTF-8, otherwise opaque; "a/../b" and "//" are names.
func checkKey(key string) error {
	switch {
	case key == "":
		return ozerr.New(ozerr.InvalidKeyName, "a key name may not be empty")
	case len(key) > maxKey:
		return ozerr.New(ozerr.InvalidKeyName, "a key name has at most %d bytes, not %d", maxKey, len(key))
	case !utf8.ValidString(key):
		return ozerr.New(ozerr.InvalidKeyName, "a key name must be UTF-8")
	}
	return nil
}

// checkMeta bounds what goes into one row.
func checkMeta(m *ompb.KeyMeta) error {
	if n := proto.Size(m); n > maxMeta {
		return ozerr.New(ozerr.InvalidArgument, "metadata and tags of %d bytes, at most %d", n, maxMeta)
	}
	if n := len(m.GetStorageClass()); n > maxAlgorithm { // listings show it a thousand times
		return ozerr.New(ozerr.InvalidArgument, "a storage class of %d bytes, at most %d", n, maxAlgorithm)
	}
	return nil
}

// checkShort bounds the small strings of a request.
func checkShort(values ...string) error {
	for _, v := range values {
		if len(v) > maxName {
			return ozerr.New(ozerr.InvalidArgument, "a value of %d bytes, at most %d", len(v), maxName)
		}
	}
	return nil
}

// checkDigests bounds etag and checksums.
func checkDigests(etag string, sums []*ompb.Checksum) error {
	if len(sums) > maxChecksums {
		return ozerr.New(ozerr.InvalidArgument, "%d checksums, at most %d", len(sums), maxChecksums)
	}
	for _, s := range sums {
		if len(s.Algorithm) > maxAlgorithm || len(s.Type) > maxAlgorithm || len(s.Value) > maxDigest {
			return ozerr.New(ozerr.InvalidArgument, "a checksum of %d bytes, at most %d", len(s.Value), maxDigest)
		}
	}
	if len(etag) > maxDigest {
		return ozerr.New(ozerr.InvalidArgument, "an etag of %d bytes, at most %d", len(etag), maxDigest)
	}
	return nil
}

// errorAnswer is err as an answer has it: short, whatever it quotes of the request, and
// UTF-8, or the row that keeps it could not be written.
func errorAnswer(err error) *commonpb.Error {
	e := ozerr.ToProto(err)
	if e != nil {
		e.Message, e.Detail = short(e.Message), short(e.Detail)
	}
	return e
}

func short(s string) string {
	if len(s) > maxMessage {
		s = s[:maxMessage-3] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}

// page is the limit of a listing: 1000 unless less is asked for.
func page(limit uint32) int {
	if limit == 0 || limit > 1000 {
		return 1000
	}
	return int(limit)
}

// first returns a, or b if a is empty.
func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
