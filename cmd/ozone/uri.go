package main

import (
	"net"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// address is what a URI argument of the shell names. The forms are Ozone's:
//
//	o3://host:port/volume/bucket/key   an om by host and port
//	o3://host/volume/bucket/key        … by host, on the default port
//	o3:///volume/bucket/key            the configured om
//	/volume/bucket/key                 likewise
//	volume/bucket/key                  likewise
//
// Everything after the bucket's slash is the key, byte for byte: "?", "#", "%"
// and further slashes mean nothing here.
type address struct {
	Host                string // "host", "host:port" or "" for the configured om
	Volume, Bucket, Key string
}

// parseAddress reads s. It knows nothing of naming rules: om decides those.
func parseAddress(s string) (address, error) {
	var a address
	rest := s
	if scheme, after, ok := cutScheme(s); ok {
		if err := checkScheme(scheme, s); err != nil {
			return a, err
		}
		a.Host, rest, _ = strings.Cut(after, "/")
		if err := checkHost(a.Host, s); err != nil {
			return address{}, err
		}
	}
	rest = strings.TrimLeft(rest, "/")
	a.Volume, rest, _ = strings.Cut(rest, "/")
	a.Bucket, a.Key, _ = strings.Cut(rest, "/")
	if a.Bucket == "" && a.Key != "" {
		return address{}, badURI(s, "the bucket name is empty")
	}
	return a, nil
}

// cutScheme splits "scheme://rest". A colon that comes after the first slash is
// part of a key.
func cutScheme(s string) (scheme, rest string, ok bool) {
	scheme, rest, ok = strings.Cut(s, "://")
	if !ok || strings.Contains(scheme, "/") {
		return "", s, false
	}
	return scheme, rest, true
}

func checkScheme(scheme, uri string) error {
	switch strings.ToLower(scheme) {
	case "o3":
		return nil
	case "http", "https":
		return badURI(uri, "the shell does not speak HTTP; use o3://host:port/volume/bucket/key, or an S3 client for the S3 endpoint")
	default:
		return badURI(uri, "unknown scheme "+scheme+"://; use o3://")
	}
}

func checkHost(host, uri string) error {
	if !strings.Contains(host, ":") || strings.HasSuffix(host, "]") { // name, IPv4 or [IPv6]
		return nil
	}
	if _, port, err := net.SplitHostPort(host); err != nil || port == "" {
		return badURI(uri, "bad host:port "+host)
	}
	return nil
}

func badURI(uri, why string) error {
	return ozerr.New(ozerr.InvalidArgument, "invalid URI %s: %s", uri, why)
}

// parseRoot reads an argument that names no object, such as that of "volume list".
func parseRoot(s string) (address, error) {
	a, err := parseAddress(s)
	if err == nil && a.Volume != "" {
		err = badURI(s, "only an om may be named here, as in o3://host:port/")
	}
	return a, err
}

// parseVolume reads an argument that must name a volume.
func parseVolume(s string) (address, error) {
	a, err := parseAddress(s)
	switch {
	case err != nil:
	case a.Volume == "":
		err = badURI(s, "volume name is required")
	case a.Bucket != "" || a.Key != "":
		err = badURI(s, "delimiters (/) are not allowed in a volume name")
	}
	return a, err
}

// parseBucket reads an argument that must name a bucket.
func parseBucket(s string) (address, error) {
	a, err := parseAddress(s)
	switch {
	case err != nil:
	case a.Volume == "":
		err = badURI(s, "volume name is required")
	case a.Bucket == "":
		err = badURI(s, "bucket name is required")
	case strings.Trim(a.Key, "/") != "":
		err = badURI(s, "delimiters (/) are not allowed in a bucket name")
	}
	a.Key = ""
	return a, err
}

// parsePrefix reads an argument that must name a bucket and may go on with the
// beginning of keys.
func parsePrefix(s string) (address, error) {
	a, err := parseAddress(s)
	switch {
	case err != nil:
	case a.Volume == "":
		err = badURI(s, "volume name is required")
	case a.Bucket == "":
		err = badURI(s, "bucket name is required")
	}
	return a, err
}

// parseKey reads an argument that must name a key.
func parseKey(s string) (address, error) {
	a, err := parsePrefix(s)
	if err == nil && a.Key == "" {
		err = badURI(s, "key name is required")
	}
	return a, err
}

func (a address) bucket() client.BucketRef {
	return client.BucketRef{Volume: a.Volume, Bucket: a.Bucket}
}

func (a address) key() client.KeyRef {
	return client.KeyRef{BucketRef: a.bucket(), Key: a.Key}
}

// parseS3Bucket reads an argument that names a bucket by its S3 name, or by
// volume and bucket.
func parseS3Bucket(s string) (address, error) {
	a, err := parseAddress(s)
	if err == nil && a.Volume != "" && a.Bucket == "" {
		a.Volume, a.Bucket = "", a.Volume
		return a, nil
	}
	return parseBucket(s)
}
