package s3xml_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

var when = time.Date(2026, 11, 23, 2, 9, 11, 123456789, time.FixedZone("", 3600))

const (
	header = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	ns     = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
)

func TestMarshal(t *testing.T) {
	token, value := "", "v"
	tests := []struct {
		name string
		in   any
		want string
	}{
		{"buckets", &s3xml.ListAllMyBucketsResult{Owner: s3xml.Owner{ID: "o"}, Buckets: []s3xml.Bucket{{Name: "b", CreationDate: when}}},
			"<ListAllMyBucketsResult" + ns + "><Owner><ID>o</ID></Owner><Buckets><Bucket><Name>b</Name><CreationDate>2026-11-23T01:09:11.123Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>"},
		{"no buckets", s3xml.ListAllMyBucketsResult{}, "<ListAllMyBucketsResult" + ns + "><Owner><ID></ID></Owner><Buckets></Buckets></ListAllMyBucketsResult>"},
		{"location", &s3xml.LocationConstraint{Value: "eu<"}, "<LocationConstraint" + ns + ">eu&lt;</LocationConstraint>"},
		{"empty listing", &s3xml.ListBucketResult{Name: "b", MaxKeys: 1000},
			"<ListBucketResult" + ns + "><Name>b</Name><Prefix></Prefix><Marker></Marker><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>"},
		{"listing", &s3xml.ListBucketV2Result{Name: "b", ContinuationToken: &token, IsTruncated: true, NextContinuationToken: "n",
			Contents:       []s3xml.Contents{{Key: "k\x01", LastModified: when, ETag: `"e"`, Size: 5, Owner: &s3xml.Owner{ID: "o", DisplayName: "d"}, StorageClass: "STANDARD"}},
			CommonPrefixes: []s3xml.CommonPrefix{{Prefix: "p/"}}},
			"<ListBucketResult" + ns + "><Name>b</Name><Prefix></Prefix><ContinuationToken></ContinuationToken><NextContinuationToken>n</NextContinuationToken><KeyCount>0</KeyCount><MaxKeys>0</MaxKeys><IsTruncated>true</IsTruncated>" +
				"<Contents><Key>k&#x1;</Key><LastModified>2026-11-23T01:09:11.123Z</LastModified><ETag>&quot;e&quot;</ETag><Size>5</Size><Owner><ID>o</ID><DisplayName>d</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>" +
				"<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>"},
		{"part", &s3xml.CopyPartResult{LastModified: when, ETag: `"e"`, Checksums: s3xml.Checksums{ChecksumCRC32: "c"}},
			"<CopyPartResult" + ns + "><LastModified>2026-11-23T01:09:11.123Z</LastModified><ETag>&quot;e&quot;</ETag><ChecksumCRC32>c</ChecksumCRC32></CopyPartResult>"},
		{"uploads", &s3xml.ListMultipartUploadsResult{Bucket: "b", Uploads: []s3xml.Upload{{Key: "k", UploadID: "u"}}},
			"<ListMultipartUploadsResult" + ns + "><Bucket>b</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker><MaxUploads>0</MaxUploads><IsTruncated>false</IsTruncated>" +
				"<Upload><Key>k</Key><UploadId>u</UploadId><Initiator><ID></ID></Initiator><Owner><ID></ID></Owner><StorageClass></StorageClass><Initiated>0001-01-01T00:00:00.000Z</Initiated></Upload></ListMultipartUploadsResult>"},
		{"tags", &s3xml.Tagging{TagSet: []s3xml.Tag{{Key: "k", Value: &value}}},
			"<Tagging" + ns + "><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"},
		{"never versioned", &s3xml.VersioningConfiguration{}, "<VersioningConfiguration" + ns + "></VersioningConfiguration>"},
		{"versions", &s3xml.ListVersionsResult{Name: "b", MaxKeys: 7, Entries: []s3xml.VersionEntry{
			{XMLName: xml.Name{Local: "DeleteMarker"}, Key: "k", VersionID: "2", IsLatest: true, LastModified: when, Owner: s3xml.Owner{ID: "o"}},
			{XMLName: xml.Name{Local: "Version"}, Key: "k", VersionID: "null", LastModified: when, ETag: `"e"`, Size: new(int64), Owner: s3xml.Owner{ID: "o"}, StorageClass: "STANDARD"},
		}},
			"<ListVersionsResult" + ns + "><Name>b</Name><Prefix></Prefix><KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker><MaxKeys>7</MaxKeys><IsTruncated>false</IsTruncated>" +
				"<DeleteMarker><Key>k</Key><VersionId>2</VersionId><IsLatest>true</IsLatest><LastModified>2026-11-23T01:09:11.123Z</LastModified><Owner><ID>o</ID></Owner></DeleteMarker>" +
				"<Version><Key>k</Key><VersionId>null</VersionId><IsLatest>false</IsLatest><LastModified>2026-11-23T01:09:11.123Z</LastModified><ETag>&quot;e&quot;</ETag><Size>0</Size><Owner><ID>o</ID></Owner><StorageClass>STANDARD</StorageClass></Version></ListVersionsResult>"},
		{"attributes", &s3xml.GetObjectAttributesResponse{ObjectParts: &s3xml.ObjectParts{PartsCount: 2}},
			"<GetObjectAttributesResponse" + ns + "><ObjectParts><PartsCount>2</PartsCount></ObjectParts></GetObjectAttributesResponse>"},
		{"deleted", &s3xml.DeleteResult{Deleted: []s3xml.Deleted{{Key: "a"}}, Errors: []s3xml.DeleteError{{Key: "b", Code: "c", Message: "m"}}},
			"<DeleteResult" + ns + "><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>c</Code><Message>m</Message></Error></DeleteResult>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(s3xml.Marshal(tt.in)); got != header+tt.want {
				t.Errorf("got  %s\nwant %s", got, header+tt.want)
			}
		})
	}
}

// responses are all documents we send.
func responses() []any {
	return []any{
		new(s3xml.ListAllMyBucketsResult), new(s3xml.LocationConstraint), new(s3xml.Tagging), new(s3xml.ListBucketResult),
		new(s3xml.ListBucketV2Result), new(s3xml.DeleteResult), new(s3xml.CopyObjectResult), new(s3xml.InitiateMultipartUploadResult),
		new(s3xml.CopyPartResult), new(s3xml.CompleteMultipartUploadResult), new(s3xml.ListPartsResult), new(s3xml.ListMultipartUploadsResult),
		new(s3xml.VersioningConfiguration), new(s3xml.ListVersionsResult), new(s3xml.ObjectLockConfiguration), new(s3xml.Retention),
		new(s3xml.LegalHold), new(s3xml.GetObjectAttributesResponse),
	}
}

// fill puts something into every field.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(when.UTC().Truncate(time.Millisecond)))
			return
		}
		for i := range v.NumField() {
			switch f := v.Type().Field(i); {
			case f.Name != "XMLName":
				fill(v.Field(i))
			case f.Tag == "":
				v.Field(i).Set(reflect.ValueOf(xml.Name{Space: s3xml.Namespace, Local: "Any"}))
			}
		}
	case reflect.String:
		v.SetString("t<&>'\"ü\u2028x")
	case reflect.Int, reflect.Int64:
		v.SetInt(-7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	default:
		panic(v.Type().String())
	}
}

// TestAgainstEncodingXML holds our encoder against the standard one: what it
// writes must read back as the same struct, and have the same elements.
func TestAgainstEncodingXML(t *testing.T) {
	for _, v := range responses() {
		for _, filled := range []bool{false, true} {
			if filled {
				fill(reflect.ValueOf(v).Elem())
			}
			ours := s3xml.Marshal(v)
			theirs, err := xml.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := outline(t, ours), outline(t, theirs); a != b {
				t.Errorf("%T\nours   %s\ntheirs %s", v, a, b)
			}
			back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
			if err := s3xml.Unmarshal(ours, back); err != nil {
				t.Fatalf("%T: %v", v, err)
			}
			if again := s3xml.Marshal(back); !bytes.Equal(again, ours) {
				t.Errorf("%T: %s\nread back %s", v, ours, again)
			}
		}
	}
}

// outline is the sequence of elements and text, times left out.
func outline(t *testing.T, doc []byte) string {
	t.Helper()
	var b strings.Builder
	d := xml.NewDecoder(bytes.NewReader(doc))
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			fmt.Fprintf(&b, "<%s>", tok.Name.Local)
		case xml.EndElement:
			b.WriteString("/")
		case xml.CharData:
			if _, err := time.Parse(time.RFC3339Nano, string(tok)); err != nil && strings.TrimSpace(string(tok)) != "" {
				b.Write(tok)
			}
		}
	}
}

func TestMarshalUnknown(t *testing.T) {
	for _, v := range []any{struct{ A string }{}, struct {
		XMLName xml.Name `xml:"A"`
		F       float64  `xml:"F"`
	}{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T did not panic", v)
				}
			}()
			s3xml.Marshal(v)
		}()
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain":          "plain",
		"a&b<c>d\"e'":    "a&amp;b&lt;c&gt;d&quot;e'",
		"\x00\x01\x1f":   "&#x0;&#x1;&#x1f;",
		"\t\n":           "\t\n",
		"\r\x7f":         "&#xd;&#x7f;",
		"\xff\xfe":       "\uFFFD\uFFFD",
		"\uFFFE\uFFFF":   "&#xfffe;&#xffff;",
		"\uFFFD":         "\uFFFD",
		"日本語 \U0001F600": "日本語 \U0001F600",
	} {
		got := string(s3xml.Marshal(&s3xml.LocationConstraint{Value: in}))
		if got = strings.TrimSuffix(strings.TrimPrefix(got, header+"<LocationConstraint"+ns+">"), "</LocationConstraint>"); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestError(t *testing.T) {
	e := s3err.NoSuchKey.WithField("Key", "a&b").WithField("Empty", "")
	want := header + "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a&amp;b</Key><Empty></Empty>" +
		"<Resource>/b/k</Resource><RequestId>id</RequestId><HostId>host</HostId></Error>"
	if got := string(s3xml.Error(e, "/b/k", "id", "host")); got != want {
		t.Errorf("got %s", got)
	}
	if got := string(s3xml.Error(s3err.SlowDown, "", "i", "h")); strings.Contains(got, "Resource") {
		t.Errorf("got %s", got)
	}
}

const complete = "CompleteMultipartUpload"

func TestDecode(t *testing.T) {
	nested := func(n int) string {
		return "<" + complete + ">" + strings.Repeat("<a>", n) + strings.Repeat("</a>", n) + "</" + complete + ">"
	}
	part := "<Part><PartNumber>1</PartNumber><ETag>&#34;e&#34;</ETag></Part>"
	tests := []struct {
		name, body string
		parts      int // -1: MalformedXML
	}{
		{"without namespace", "<CompleteMultipartUpload>" + part + "</CompleteMultipartUpload>", 1},
		{"with namespace", "<CompleteMultipartUpload" + ns + ">" + part + "</CompleteMultipartUpload>", 1},
		{"with a prefix", `<s3:CompleteMultipartUpload xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/"><s3:Part><s3:PartNumber>1</s3:PartNumber></s3:Part></s3:CompleteMultipartUpload>`, 1},
		{"declaration, comments and space", header + "<!-- c -->\n<CompleteMultipartUpload>\n <!-- d -->" + part + "\n" + part + "</CompleteMultipartUpload>\n<!-- e -->\n", 2},
		{"other order, unknown elements", "<CompleteMultipartUpload><Part><Foo>x</Foo><ETag>e</ETag><PartNumber> 2 </PartNumber></Part></CompleteMultipartUpload>", 1},
		{"byte order mark", "\uFEFF<CompleteMultipartUpload>" + part + "</CompleteMultipartUpload>", 1},
		{"nested as deep as may be", nested(15), 0},

		{"nested too deep", nested(16), -1},
		{"empty", "", -1},
		{"space only", " \n", -1},
		{"text", "hello", -1},
		{"other root", "<Delete></Delete>", -1},
		{"not closed", "<CompleteMultipartUpload>", -1},
		{"wrongly closed", "<CompleteMultipartUpload></Complete>", -1},
		{"two roots", "<CompleteMultipartUpload></CompleteMultipartUpload><CompleteMultipartUpload></CompleteMultipartUpload>", -1},
		{"text after", "<CompleteMultipartUpload></CompleteMultipartUpload>x", -1},
		{"text before", "x<CompleteMultipartUpload></CompleteMultipartUpload>", -1},
		{"doctype", `<!DOCTYPE x [<!ENTITY e "x">]><CompleteMultipartUpload>` + part + "</CompleteMultipartUpload>", -1},
		{"entity", "<CompleteMultipartUpload>&e;</CompleteMultipartUpload>", -1},
		{"processing instruction", "<?php x ?><CompleteMultipartUpload></CompleteMultipartUpload>", -1},
		{"late declaration", "<CompleteMultipartUpload><?xml version=\"1.0\"?></CompleteMultipartUpload>", -1},
		{"instruction after", "<CompleteMultipartUpload></CompleteMultipartUpload><?x?>", -1},
		{"other encoding", `<?xml version="1.0" encoding="UTF-16"?><CompleteMultipartUpload></CompleteMultipartUpload>`, -1},
		{"not utf-8", "<CompleteMultipartUpload>\xff</CompleteMultipartUpload>", -1},
		{"control character", "<CompleteMultipartUpload>\x01</CompleteMultipartUpload>", -1},
		{"number is none", "<CompleteMultipartUpload><Part><PartNumber>one</PartNumber></Part></CompleteMultipartUpload>", -1},
		{"number is huge", "<CompleteMultipartUpload><Part><PartNumber>99999999999999999999</PartNumber></Part></CompleteMultipartUpload>", -1},
		{"number is empty, which is 0", "<CompleteMultipartUpload><Part><PartNumber></PartNumber></Part></CompleteMultipartUpload>", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v s3xml.CompleteMultipartUpload
			err := s3xml.Decode(strings.NewReader(tt.body), s3xml.MaxComplete, &v)
			if tt.parts < 0 {
				if !errors.Is(err, s3err.MalformedXML) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || len(v.Parts) != tt.parts {
				t.Errorf("got %+v, %v", v, err)
			}
		})
	}
}

func TestDecodeLimit(t *testing.T) {
	doc := "<Delete><!--" + strings.Repeat("x", 100) + "--></Delete>"
	if err := s3xml.Decode(strings.NewReader(doc), int64(len(doc)), new(s3xml.Delete)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := s3xml.Decode(strings.NewReader(doc), int64(len(doc))-1, new(s3xml.Delete)); !errors.Is(err, s3err.MalformedXML) {
		t.Errorf("over the limit: %v", err)
	}
}

func TestDecodeReaderError(t *testing.T) {
	r := io.MultiReader(strings.NewReader("<Delete></Delete>"), iotest.ErrReader(s3err.BadDigest))
	if err := s3xml.Decode(r, 1000, new(s3xml.Delete)); !errors.Is(err, s3err.BadDigest) {
		t.Errorf("got %v", err)
	}
}

func TestDecodeRequests(t *testing.T) {
	var d s3xml.Delete
	err := s3xml.Unmarshal([]byte("<Delete><Quiet>true</Quiet><Object><Key>a &amp; b</Key></Object><Object><Key>c</Key><VersionId>null</VersionId><Size>5</Size></Object></Delete>"), &d)
	if err != nil || !d.Quiet || len(d.Objects) != 2 || *d.Objects[0].Key != "a & b" || d.Objects[0].VersionID != nil || *d.Objects[1].Size != 5 {
		t.Errorf("delete: %+v, %v", d, err)
	}
	var c s3xml.CreateBucketConfiguration
	err = s3xml.Unmarshal([]byte("<CreateBucketConfiguration"+ns+"><LocationConstraint>eu</LocationConstraint></CreateBucketConfiguration>"), &c)
	if err != nil || c.LocationConstraint != "eu" {
		t.Errorf("create: %+v, %v", c, err)
	}
	for _, n := range []string{"", ns, ` xmlns="http://doc.s3.amazonaws.com/2006-03-01"`} {
		var tags s3xml.Tagging
		err = s3xml.Unmarshal([]byte("<Tagging"+n+"><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>"), &tags)
		if err != nil || len(tags.TagSet) != 1 || tags.TagSet[0].Value != nil {
			t.Errorf("tagging %q: %+v, %v", n, tags, err)
		}
	}
}

func TestChecksums(t *testing.T) {
	var c s3xml.Checksums
	for _, a := range []string{"SHA256", "CRC32", "CRC32C", "CRC64NVME", "SHA1", "MD5"} {
		c.Set(a, "value of "+a)
	}
	var got []string
	c.Each(func(a, v string) { got = append(got, a, v) })
	want := []string{"CRC32", "value of CRC32", "CRC32C", "value of CRC32C", "CRC64NVME", "value of CRC64NVME", "SHA1", "value of SHA1", "SHA256", "value of SHA256"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

// FuzzDecode: nothing but success or MalformedXML, and what was read can be
// written and read again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>"))
	f.Add([]byte("<Delete" + ns + "><Quiet>true</Quiet><Object><Key>k</Key></Object></Delete>"))
	f.Add([]byte("<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"))
	f.Add([]byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>"))
	f.Add([]byte("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"))
	f.Add([]byte("<Retention><Mode>GOVERNANCE</Mode></Retention>"))
	f.Add([]byte("<?xml version=\"1.0\"?><!-- --><a:Delete xmlns:a=\"b\"/>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, v := range []any{new(s3xml.CompleteMultipartUpload), new(s3xml.Delete), new(s3xml.Tagging), new(s3xml.CreateBucketConfiguration),
			new(s3xml.TaggingRequest), new(s3xml.VersioningConfiguration), new(s3xml.ObjectLockConfiguration), new(s3xml.Retention), new(s3xml.LegalHold)} {
			err := s3xml.Unmarshal(body, v)
			if err != nil {
				if !errors.Is(err, s3err.MalformedXML) {
					t.Fatal(err)
				}
				continue
			}
			doc := s3xml.Marshal(v)
			again := reflect.New(reflect.TypeOf(v).Elem()).Interface()
			if err := s3xml.Unmarshal(doc, again); err != nil {
				t.Fatalf("%s: %v", doc, err)
			}
		}
	})
}

// FuzzEscape: text of legal characters reads back as it was.
func FuzzEscape(f *testing.F) {
	f.Add("a<&>\"'\r\n\t]]>ü")
	f.Add("\x00\xff\uFFFE")
	f.Fuzz(func(t *testing.T, s string) {
		doc := s3xml.Marshal(&s3xml.LocationConstraint{Value: s})
		if !utf8.Valid(doc) {
			t.Fatalf("%q: not UTF-8", doc)
		}
		legal := utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
			return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
		}) < 0
		if !legal {
			return
		}
		var back s3xml.LocationConstraint
		if err := s3xml.Unmarshal(doc, &back); err != nil || back.Value != s {
			t.Fatalf("%q came back as %q, %v", s, back.Value, err)
		}
	})
}

func BenchmarkListing(b *testing.B) {
	doc := &s3xml.ListBucketV2Result{Name: "b", KeyCount: 1000, MaxKeys: 1000}
	for i := range 1000 {
		doc.Contents = append(doc.Contents, s3xml.Contents{Key: fmt.Sprintf("some/directory/object-%06d", i), LastModified: when,
			ETag: `"5d41402abc4b2a76b9719d911017c592"`, Size: int64(i), StorageClass: "STANDARD"})
	}
	b.ReportAllocs()
	for b.Loop() {
		s3xml.Marshal(doc)
	}
}
