package s3g

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// maxListKeys is the largest page of a listing.
const maxListKeys = 1000

// listing is what both versions of ListObjects have in common.
type listing struct {
	client.ListOptions
	encode func(string) string // of names, as encoding-type asks
	typ    string              // encoding-type, "" or "url"
	owners func(name string) s3xml.Owner
	bucket client.Bucket // as it was authorised; empty in open mode, where owners are writers
}

// owner is whose object o is.
func (l listing) owner(o *client.Object) s3xml.Owner { return l.owners(ownerIn(l.bucket, o)) }

// parseListing reads the common parameters.
func (g *gateway) parseListing(r *request) (listing, error) {
	l := listing{encode: plainName, owners: g.owners(r)}
	var err error
	if l.Limit, err = countParam(r, "max-keys", maxListKeys); err != nil {
		return l, err
	}
	if l.typ, l.encode, err = encodingType(r); err != nil {
		return l, err
	}
	l.Prefix, l.Delimiter = r.Query.Get("prefix"), r.Query.Get("delimiter")
	l.ExpectedOwner = r.expectedOwner()
	if r.bucket != nil {
		l.bucket = *r.bucket
	}
	return l, nil
}

// countParam reads max-keys and its like: a number from 0 on, at most the largest
// page whatever was asked for.
func countParam(r *request, name string, most int) (int, error) {
	v := r.Query.Get(name)
	if v == "" {
		return most, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return 0, s3err.Argument(name, v, "Provided "+name+" not an integer or within integer range")
	}
	if n < 0 {
		return 0, s3err.Argument(name, v, "Argument "+camel(name)+" must be an integer between 0 and 2147483647")
	}
	return min(int(n), most), nil
}

// camel is max-keys as maxKeys, the name AWS gives it in messages.
func camel(name string) string {
	first, second, _ := strings.Cut(name, "-")
	if second == "" {
		return first
	}
	return first + strings.ToUpper(second[:1]) + second[1:]
}

// encodingType reads encoding-type and gives the function that applies it.
func encodingType(r *request) (string, func(string) string, error) {
	switch v := r.Query.Get("encoding-type"); v {
	case "":
		return "", plainName, nil
	case "url":
		return v, urlName, nil
	default:
		return "", nil, s3err.Argument("encoding-type", v, "Invalid Encoding Method specified in Request")
	}
}

func plainName(s string) string { return s }

// urlName escapes as AWS does for encoding-type=url, except that a space is %20,
// which every client decodes: letters, digits and -_.*/ stay.
func urlName(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if alnum(c) || c >= 'A' && c <= 'Z' || strings.IndexByte("-_.*/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// fetch gets the page. No keys at most is an empty page of a bucket that exists.
func (g *gateway) fetch(r *request, l listing) (client.Listing, error) {
	if l.Limit == 0 {
		_, err := g.buckets.GetBucket(r.Context(), r.bucketRef(), l.ExpectedOwner)
		return client.Listing{}, err
	}
	return g.objects.ListObjects(r.Context(), r.bucketRef(), l.ListOptions)
}

// listObjects answers version 1. NextMarker comes only with a delimiter, as on
// AWS: without, clients take the last key.
func (g *gateway) listObjects(w http.ResponseWriter, r *request) error {
	l, err := g.parseListing(r)
	if err != nil {
		return err
	}
	l.After = r.Query.Get("marker")
	page, err := g.fetch(r, l)
	if err != nil {
		return err
	}
	doc := &s3xml.ListBucketResult{
		Name: r.Bucket, Prefix: l.encode(l.Prefix), Marker: l.encode(l.After), MaxKeys: l.Limit,
		Delimiter: l.encode(l.Delimiter), EncodingType: l.typ, IsTruncated: page.Truncated,
		Contents: l.contents(page, true), CommonPrefixes: l.prefixes(page),
	}
	if page.Truncated && l.Delimiter != "" {
		doc.NextMarker = l.encode(page.Next)
	}
	return writeXML(w, doc)
}

// listObjectsV2 answers version 2.
func (g *gateway) listObjectsV2(w http.ResponseWriter, r *request) error {
	if v := r.Query.Get("list-type"); v != "2" {
		return s3err.Argument("list-type", v, "Invalid List Type specified in Request")
	}
	l, err := g.parseListing(r)
	if err != nil {
		return err
	}
	startAfter := r.Query.Get("start-after")
	l.After = startAfter
	token, err := tokenParam(r)
	if err != nil {
		return err
	}
	if token != nil && *token != "" {
		if l.After, err = decodeToken(*token); err != nil {
			return err
		}
	}
	page, err := g.fetch(r, l)
	if err != nil {
		return err
	}
	doc := &s3xml.ListBucketV2Result{
		Name: r.Bucket, Prefix: l.encode(l.Prefix), StartAfter: l.encode(startAfter), ContinuationToken: token,
		KeyCount: len(page.Objects) + len(page.CommonPrefixes), MaxKeys: l.Limit,
		Delimiter: l.encode(l.Delimiter), EncodingType: l.typ, IsTruncated: page.Truncated,
		Contents: l.contents(page, r.Query.Get("fetch-owner") == "true"), CommonPrefixes: l.prefixes(page),
	}
	if page.Truncated {
		doc.NextContinuationToken = encodeToken(page.Next)
	}
	return writeXML(w, doc)
}

func (l listing) contents(page client.Listing, owner bool) []s3xml.Contents {
	out := make([]s3xml.Contents, len(page.Objects))
	for i := range page.Objects {
		o := &page.Objects[i]
		out[i] = s3xml.Contents{
			Key: l.encode(o.Key), LastModified: o.Modified.Truncate(time.Second), Size: o.Size,
			StorageClass: classOrDefault(o.Meta.StorageClass),
		}
		if o.ETag != "" {
			out[i].ETag = quote(o.ETag)
		}
		for _, c := range o.Checksums {
			out[i].ChecksumAlgorithm = append(out[i].ChecksumAlgorithm, c.Algorithm)
			out[i].ChecksumType = c.Type
		}
		if owner {
			who := l.owner(o)
			out[i].Owner = &who
		}
	}
	return out
}

func (l listing) prefixes(page client.Listing) []s3xml.CommonPrefix {
	out := make([]s3xml.CommonPrefix, len(page.CommonPrefixes))
	for i, p := range page.CommonPrefixes {
		out[i].Prefix = l.encode(p)
	}
	return out
}

// tokenParam is the continuation-token as given, nil if there is none. An empty
// one is none, but is told again.
func tokenParam(r *request) (*string, error) {
	v, ok := r.Query["continuation-token"]
	if !ok {
		return nil, nil
	}
	return &v[0], nil
}

// A continuation token is base64url of a CRC-32 and the name to go on after. The
// checksum finds what no listing of ours gave out; it keeps nobody from making
// one, and a name is all it could give.

func encodeToken(after string) string {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(after)), crc32.ChecksumIEEE([]byte(after)))
	return base64.RawURLEncoding.EncodeToString(append(b, after...))
}

func decodeToken(token string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 5 || binary.BigEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) || !utf8.Valid(b[4:]) {
		return "", s3err.Argument("continuation-token", token, "The continuation token provided is incorrect")
	}
	return string(b[4:]), nil
}
