package s3gtest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// algorithms are S3's checksums, of "hello".
var algorithms = []struct{ name, header, hello string }{
	{"CRC32", "X-Amz-Checksum-Crc32", "NhCmhg=="},
	{"CRC32C", "X-Amz-Checksum-Crc32c", "mnG7TA=="},
	{"CRC64NVME", "X-Amz-Checksum-Crc64nvme", "M3eFcAZSQlc="},
	{"SHA1", "X-Amz-Checksum-Sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="},
	{"SHA256", "X-Amz-Checksum-Sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="},
}

// checksumChapter is "Checking object integrity" and GetObjectAttributes.
func checksumChapter(b *book) {
	for _, alg := range algorithms {
		b.op("Checksums/" + alg.name)
		b.add("sent, kept, told", func(c *Client) {
			path := "/" + c.bucket() + "/k"
			c.header(c.ok("PUT", path, "hello", alg.header, alg.hello), alg.header, alg.hello)
			for _, method := range []string{"GET", "HEAD"} {
				a := c.ok(method, path, "", "X-Amz-Checksum-Mode", "ENABLED")
				c.header(a, alg.header, alg.hello)
				c.header(a, "X-Amz-Checksum-Type", "FULL_OBJECT")
			}
			c.header(c.ok("GET", path, ""), alg.header, "")
		})
		b.add("not told of a range", func(c *Client) {
			path := c.object("hello", alg.header, alg.hello)
			c.header(c.ok("GET", path, "", "X-Amz-Checksum-Mode", "ENABLED", "Range", "bytes=0-1"), alg.header, "")
		})
		b.add("wrong", func(c *Client) {
			path := c.object("kept")
			c.fails(400, "BadDigest", "PUT", path, "other", alg.header, alg.hello)
			c.same("object", c.ok("GET", path, "").Body, "kept")
		})
		b.add("of the wrong size", func(c *Client) {
			c.fails(400, "InvalidRequest", "PUT", "/"+c.bucket()+"/k", "hello", alg.header, "AAA=")
		})
		b.add("algorithm named, value in the trailer", func(c *Client) {
			path := "/" + c.bucket() + "/k"
			s := stream{mode: streamPlain, body: "hello", size: 100, trailer: strings.ToLower(alg.header) + ":" + alg.hello, header: []string{"X-Amz-Sdk-Checksum-Algorithm", alg.name}}
			c.same("status", s.put(c, path).Status, 200)
			c.header(c.ok("HEAD", path, "", "X-Amz-Checksum-Mode", "ENABLED"), alg.header, alg.hello)
		})
		b.add("listed", func(c *Client) {
			path := c.object("hello", alg.header, alg.hello)
			c.has(c.ok("GET", strings.TrimSuffix(path, "/key")+"?list-type=2", ""), "<ChecksumAlgorithm>"+alg.name+"<")
		})
		b.add("of a part", func(c *Client) {
			u := c.start("/"+c.bucket()+"/k", "X-Amz-Checksum-Algorithm", alg.name)
			a := c.ok("PUT", u.query("partNumber=1&"), "hello", alg.header, alg.hello)
			c.header(a, alg.header, alg.hello)
			c.has(c.ok("GET", u.query(""), ""), "<Checksum"+alg.name+">"+alg.hello+"<")
			c.fails(400, "BadDigest", "PUT", u.query("partNumber=2&"), "other", alg.header, alg.hello)
		})
		b.add("of an upload", func(c *Client) {
			u := c.start("/"+c.bucket()+"/k", "X-Amz-Checksum-Algorithm", alg.name)
			u.part(1, "hello", alg.header, alg.hello)
			doc := strings.Replace(completeDoc(1, quotedMD5("hello")), "</ETag>", "</ETag><Checksum"+alg.name+">"+alg.hello+"</Checksum"+alg.name+">", 1)
			a := c.ok("POST", u.query(""), doc)
			want, kind := composite(alg.name, alg.hello), "COMPOSITE"
			if alg.name == "CRC64NVME" {
				want, kind = alg.hello, "FULL_OBJECT"
			}
			if want != "" {
				c.has(a, "<Checksum"+alg.name+">"+want+"<")
				c.header(c.ok("HEAD", u.path, "", "X-Amz-Checksum-Mode", "ENABLED"), alg.header, want)
			}
			c.has(a, "<ChecksumType>"+kind+"<")
		})
		b.add("attributes", func(c *Client) {
			path := c.object("hello", alg.header, alg.hello)
			a := c.ok("GET", path+"?attributes", "", "X-Amz-Object-Attributes", "Checksum")
			c.has(a, "<Checksum><Checksum"+alg.name+">"+alg.hello+"</Checksum"+alg.name+">")
		})
	}
	b.op("Checksums/Refused")
	for _, tc := range []struct {
		name   string
		header []string
	}{
		{"two of them", []string{algorithms[0].header, algorithms[0].hello, algorithms[3].header, algorithms[3].hello}},
		{"algorithm that is none", []string{"X-Amz-Sdk-Checksum-Algorithm", "MD4"}},
		{"another than the named", []string{"X-Amz-Sdk-Checksum-Algorithm", "SHA1", algorithms[0].header, algorithms[0].hello}},
	} {
		b.add(tc.name, func(c *Client) {
			a := c.do("PUT", "/"+c.bucket()+"/k", "hello", tc.header...)
			c.refused(a, 400, "InvalidRequest")
		})
	}
	for _, pair := range [][2]string{{"SHA1", "FULL_OBJECT"}, {"SHA256", "FULL_OBJECT"}, {"CRC64NVME", "COMPOSITE"}, {"CRC32", "HALF"}} {
		b.add("upload of "+pair[0]+" "+pair[1], func(c *Client) {
			c.fails(400, "InvalidRequest", "POST", "/"+c.bucket()+"/k?uploads", "", "X-Amz-Checksum-Algorithm", pair[0], "X-Amz-Checksum-Type", pair[1])
		})
	}
	attributes(b)
}

// composite is the checksum of the checksums of one part, "" where it takes more
// than the standard library.
func composite(name, part string) string {
	raw, _ := base64.StdEncoding.DecodeString(part)
	switch name {
	case "CRC32":
		return crc32Of(string(raw)) + "-1"
	case "SHA1":
		sum := sha1.Sum(raw)
		return base64.StdEncoding.EncodeToString(sum[:]) + "-1"
	case "SHA256":
		sum := sha256.Sum256(raw)
		return base64.StdEncoding.EncodeToString(sum[:]) + "-1"
	}
	return ""
}

func attributes(b *book) {
	b.op("Attributes/GetObjectAttributes")
	const header = "X-Amz-Object-Attributes"
	for _, tc := range []struct{ names, want, not string }{
		{"ETag", "<ETag>" + strings.Trim(quotedMD5("hello"), `"`) + "</ETag>", "<ObjectSize>"},
		{"ObjectSize", "<ObjectSize>5</ObjectSize>", "<ETag>"},
		{"StorageClass", "<StorageClass>STANDARD</StorageClass>", "<ObjectSize>"},
		{"ETag,ObjectSize", "<ObjectSize>5</ObjectSize>", "<StorageClass>"},
		{"ETag, ObjectSize , StorageClass", "<StorageClass>STANDARD</StorageClass>", "<ObjectParts>"},
	} {
		b.add(tc.names, func(c *Client) {
			a := c.ok("GET", c.object("hello")+"?attributes", "", header, tc.names)
			c.has(a, `<GetObjectAttributesResponse xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`, tc.want)
			c.hasNot(a, tc.not)
			c.same("date", a.Header.Get("Last-Modified") != "", true)
		})
	}
	for _, bad := range []string{"", "Everything", "etag", "ETag,Nothing"} {
		b.add(fmt.Sprintf("refuses %q", bad), func(c *Client) {
			path := c.object("x")
			var headers []string
			if bad != "" {
				headers = []string{header, bad}
			}
			c.either([]string{"400 InvalidArgument", "400 InvalidRequest"}, "GET", path+"?attributes", "", headers...)
		})
	}
	b.add("no key", func(c *Client) {
		c.fails(404, "NoSuchKey", "GET", "/"+c.bucket()+"/k?attributes", "", header, "ETag")
	})
	b.add("parts", func(c *Client) {
		u := c.start("/"+c.bucket()+"/k", "X-Amz-Checksum-Algorithm", "CRC32")
		p := filled(minPart, 'a')
		u.part(1, p, "X-Amz-Checksum-Crc32", crc32Of(p))
		u.part(2, "end", "X-Amz-Checksum-Crc32", crc32Of("end"))
		doc := completeDoc(1, quotedMD5(p), 2, quotedMD5("end"))
		doc = strings.Replace(doc, "</ETag><PartNumber>1", "</ETag><ChecksumCRC32>"+crc32Of(p)+"</ChecksumCRC32><PartNumber>1", 1)
		doc = strings.Replace(doc, "</ETag><PartNumber>2", "</ETag><ChecksumCRC32>"+crc32Of("end")+"</ChecksumCRC32><PartNumber>2", 1)
		c.ok("POST", u.query(""), doc)
		a := c.ok("GET", u.path+"?attributes", "", header, "ObjectParts")
		c.has(a, "<PartsCount>2</PartsCount>", "<Part>", fmt.Sprintf("<Size>%d</Size>", minPart), "<ChecksumCRC32>"+crc32Of("end")+"</ChecksumCRC32>")
		one := c.ok("GET", u.path+"?attributes", "", header, "ObjectParts", "X-Amz-Max-Parts", "1")
		c.has(one, "<IsTruncated>true</IsTruncated>", "<NextPartNumberMarker>1</NextPartNumberMarker>")
		two := c.ok("GET", u.path+"?attributes", "", header, "ObjectParts", "X-Amz-Part-Number-Marker", "1")
		c.has(two, "<PartNumber>2</PartNumber>")
		c.hasNot(two, "<PartNumber>1</PartNumber>")
	})
	b.secure("another's", func(c *Client) {
		c.other().fails(403, "AccessDenied", "GET", c.object("x")+"?attributes", "", header, "ETag")
	})
}
