package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

func TestParseAddress(t *testing.T) {
	tests := []struct {
		in                        string
		host, volume, bucket, key string
	}{
		{"", "", "", "", ""},
		{"/", "", "", "", ""},
		{"o3://", "", "", "", ""},
		{"o3:///", "", "", "", ""},
		{"o3://om", "om", "", "", ""},
		{"o3://om:9862/", "om:9862", "", "", ""},
		{"vol", "", "vol", "", ""},
		{"/vol/", "", "vol", "", ""},
		{"vol/b", "", "vol", "b", ""},
		{"/vol/b/", "", "vol", "b", ""},
		{"o3:///vol/b/k", "", "vol", "b", "k"},
		{"O3://om/vol/b/k", "om", "vol", "b", "k"},
		{"o3://om:9862/vol/b/k", "om:9862", "vol", "b", "k"},
		{"o3://[::1]:9862/vol", "[::1]:9862", "vol", "", ""},
		{"o3://[::1]/vol", "[::1]", "vol", "", ""},
		{"o3://om//vol/b", "om", "vol", "b", ""},
		{"vol/b/dir/key", "", "vol", "b", "dir/key"},
		{"vol/b//key", "", "vol", "b", "/key"},
		{"vol/b/key/", "", "vol", "b", "key/"},
		{"vol/b/a?versionId=1#frag%20 x", "", "vol", "b", "a?versionId=1#frag%20 x"},
		{"vol/b/http://example.com/x", "", "vol", "b", "http://example.com/x"},
		{"vol/b/../x", "", "vol", "b", "../x"},
		{"vol/b/ключ", "", "vol", "b", "ключ"},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := parseAddress(test.in)
			want := address{test.host, test.volume, test.bucket, test.key}
			if err != nil || got != want {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, in := range []string{
		"http://host/vol", "https://host/vol", "s3://bucket/key", "o3fs://b.vol/key", "://vol",
		"o3://om:/vol", "o3://a:b:c/vol", "vol//key",
	} {
		if a, err := parseAddress(in); !errors.Is(err, ozerr.InvalidArgument) {
			t.Errorf("%s: got %+v, %v; want INVALID_ARGUMENT", in, a, err)
		}
	}
}

func TestParseLevels(t *testing.T) {
	parsers := map[string]func(string) (address, error){
		"root": parseRoot, "volume": parseVolume, "bucket": parseBucket,
		"prefix": parsePrefix, "key": parseKey, "s3": parseS3Bucket,
	}
	tests := map[string]string{ // argument → parsers that take it
		"":         "root",
		"v":        "volume s3",
		"v/":       "volume s3",
		"v/b":      "bucket prefix s3",
		"v/b/":     "bucket prefix s3",
		"v/b/k":    "prefix key",
		"v/b/k/k2": "prefix key",
		"v/b//":    "bucket prefix key s3", // "/" is a key, and Ozone forgives it after a bucket
	}
	for arg, takers := range tests {
		for name, parse := range parsers {
			want := strings.Contains(" "+takers+" ", " "+name+" ")
			if _, err := parse(arg); (err == nil) != want {
				t.Errorf("%s of %q: %v; want it taken: %t", name, arg, err, want)
			}
		}
	}
}

// FuzzParseAddress checks that what is parsed is what was written: the parts
// joined again name the same thing, and a key is a suffix of its URI.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"", "/", "v", "/v/b/k", "v/b//k", "o3:///v/b/k?x#y", "o3://h:1/v", "o3://[::1]:1/v/b", "http://h/v",
		"v/b/o3://x", "o3://:9862/v", "a:b://c", "//v/b/k", "v/b/\x00", "o3://h/\xff/b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		a, err := parseAddress(in)
		if err != nil {
			if a != (address{}) {
				t.Errorf("%q: an error and %+v", in, a)
			}
			return
		}
		if !strings.HasSuffix(in, a.Key) || strings.Contains(a.Volume+a.Bucket, "/") {
			t.Errorf("%q: %+v", in, a)
		}
		again, err := parseAddress("o3://" + a.Host + "/" + strings.Join([]string{a.Volume, a.Bucket, a.Key}, "/"))
		if err != nil || again != a {
			t.Errorf("%q: %+v, written out again %+v, %v", in, a, again, err)
		}
	})
}
