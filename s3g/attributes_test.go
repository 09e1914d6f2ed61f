package s3g_test

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
)

const allAttributes = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"

func TestGetObjectAttributes(t *testing.T) {
	_, url := serve(t, nil)
	const ns = "<GetObjectAttributesResponse xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
	get := func(status int, has string, header ...string) step {
		return step{do: "GET /bucket/k?attributes", header: header, status: status, has: []string{has}}
	}
	script(t, url, []step{
		{do: "PUT /bucket", status: 200},
		{do: "GET /bucket/k?attributes", header: []string{"X-Amz-Object-Attributes", "ETag"}, status: 404, has: code("NoSuchKey")},
		{do: "PUT /bucket/k", status: 200},
		get(200, ns+"<ETag>d41d8cd98f00b204e9800998ecf8427e</ETag></GetObjectAttributesResponse>", "X-Amz-Object-Attributes", "ETag"),
		get(200, ns+"<StorageClass>STANDARD</StorageClass><ObjectSize>0</ObjectSize></GetObjectAttributesResponse>", "X-Amz-Object-Attributes", "ObjectSize, StorageClass"),
		get(200, "<ETag>d41d8cd98f00b204e9800998ecf8427e</ETag><Checksum><ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType></Checksum><StorageClass>STANDARD</StorageClass><ObjectSize>0</ObjectSize>", "X-Amz-Object-Attributes", allAttributes),
		get(200, "<ETag>d41d8cd98f00b204e9800998ecf8427e</ETag><ObjectSize>0</ObjectSize>", "X-Amz-Object-Attributes", "ETag", "X-Amz-Object-Attributes", "ObjectSize"),
		get(400, "<Code>InvalidRequest</Code>"),
		get(400, "<Code>InvalidRequest</Code>", "X-Amz-Object-Attributes", ""),
		get(400, "<Code>InvalidArgument</Code>", "X-Amz-Object-Attributes", "ETag,Colour"),
		get(400, "<Code>InvalidArgument</Code>", "X-Amz-Object-Attributes", "etag"),
		get(200, "<ETag>", "X-Amz-Object-Attributes", "ETag", "X-Amz-Max-Parts", "-1", "X-Amz-Part-Number-Marker", "x"),
		{do: "PUT /bucket/k", body: "abc", header: []string{"X-Amz-Checksum-Crc32", "NSRBwg=="}, status: 200},
		{do: "GET /bucket/k?attributes", header: []string{"X-Amz-Object-Attributes", "Checksum"}, status: 200,
			has: []string{ns + "<Checksum><ChecksumCRC32>NSRBwg==</ChecksumCRC32><ChecksumType>FULL_OBJECT</ChecksumType></Checksum></GetObjectAttributesResponse>"}},
	})
	if _, h, _ := ask(t, "GET", url+"/bucket/k?attributes", "", "X-Amz-Object-Attributes", "ETag"); h.Get("Last-Modified") == "" || h.Get("X-Amz-Version-Id") != "" {
		t.Error(h)
	}
}

func TestGetObjectAttributesParts(t *testing.T) {
	_, url := serve(t, nil)
	script(t, url, []step{{do: "PUT /bucket", status: 200}})
	big := strings.Repeat("x", 5<<20)
	for _, key := range []string{"plain", "summed", "whole"} {
		var header []string
		if key == "summed" {
			header = []string{"X-Amz-Checksum-Algorithm", "CRC32"}
		}
		if key == "whole" {
			header = []string{"X-Amz-Checksum-Algorithm", "CRC32", "X-Amz-Checksum-Type", "FULL_OBJECT"}
		}
		id := createUpload(t, url+"/bucket/"+key, header...)
		etags := []string{putPart(t, url+"/bucket/"+key, id, 1, big), putPart(t, url+"/bucket/"+key, id, 3, big), putPart(t, url+"/bucket/"+key, id, 7, "end")}
		doc := "<CompleteMultipartUpload>"
		for i, n := range []string{"1", "3", "7"} {
			doc += "<Part><PartNumber>" + n + "</PartNumber><ETag>" + etags[i] + "</ETag>"
			if key == "summed" {
				sum := crc32.ChecksumIEEE([]byte([]string{big, big, "end"}[i]))
				doc += "<ChecksumCRC32>" + base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum)) + "</ChecksumCRC32>"
			}
			doc += "</Part>"
		}
		script(t, url, []step{{do: "POST /bucket/" + key + "?uploadId=" + id, body: doc + "</CompleteMultipartUpload>", status: 200}})
	}
	get := func(key string, has []string, header ...string) step {
		return step{do: "GET /bucket/" + key + "?attributes", header: append([]string{"X-Amz-Object-Attributes", "ObjectParts"}, header...), status: 200, has: has}
	}
	script(t, url, []step{
		get("plain", []string{"<ObjectParts><PartsCount>3</PartsCount></ObjectParts>"}),
		get("whole", []string{"<ObjectParts><PartsCount>3</PartsCount></ObjectParts>"}),
		get("summed", []string{
			"<ObjectParts><IsTruncated>false</IsTruncated><MaxParts>1000</MaxParts><NextPartNumberMarker>7</NextPartNumberMarker><PartNumberMarker>0</PartNumberMarker>",
			"<Part><ChecksumCRC32>", "</ChecksumCRC32><PartNumber>1</PartNumber><Size>5242880</Size></Part>", "<PartNumber>3</PartNumber>", "<PartNumber>7</PartNumber><Size>3</Size></Part><PartsCount>3</PartsCount></ObjectParts>"}),
		get("summed", []string{"<IsTruncated>true</IsTruncated><MaxParts>1</MaxParts><NextPartNumberMarker>3</NextPartNumberMarker><PartNumberMarker>1</PartNumberMarker><Part>", "<PartNumber>3</PartNumber><Size>5242880</Size></Part><PartsCount>3</PartsCount>"},
			"X-Amz-Max-Parts", "1", "X-Amz-Part-Number-Marker", "1"),
		get("summed", []string{"<IsTruncated>false</IsTruncated><MaxParts>1000</MaxParts><NextPartNumberMarker>9</NextPartNumberMarker><PartNumberMarker>9</PartNumberMarker><PartsCount>3</PartsCount>"},
			"X-Amz-Max-Parts", "5000", "X-Amz-Part-Number-Marker", "9"),
	})
}

// A composite checksum is told without the number of parts here, unlike by HEAD.
func TestGetObjectAttributesComposite(t *testing.T) {
	_, url := serve(t, nil)
	script(t, url, []step{{do: "PUT /bucket", status: 200}})
	id := createUpload(t, url+"/bucket/k", "X-Amz-Checksum-Algorithm", "CRC32")
	etag := putPart(t, url+"/bucket/k", id, 1, "abc")
	doc := strings.Replace(completeDoc(etag), "</Part>", "<ChecksumCRC32>NSRBwg==</ChecksumCRC32></Part>", 1)
	script(t, url, []step{
		{do: "POST /bucket/k?uploadId=" + id, body: doc, status: 200},
		{do: "HEAD /bucket/k", header: []string{"X-Amz-Checksum-Mode", "ENABLED"}, status: 200, told: []string{"X-Amz-Checksum-Crc32", "Rf3kaw==-1"}},
		{do: "GET /bucket/k?attributes", header: []string{"X-Amz-Object-Attributes", "Checksum"}, status: 200,
			has: []string{"<Checksum><ChecksumCRC32>Rf3kaw==</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType></Checksum>"}},
	})
}

func TestGetObjectAttributesVersions(t *testing.T) {
	_, url := serve(t, nil)
	size := []string{"X-Amz-Object-Attributes", "ObjectSize"}
	script(t, url, []step{
		{do: "PUT /bucket", status: 200},
		{do: "PUT /bucket?versioning", body: enabled, status: 200},
		{do: "PUT /bucket/k", body: "1", status: 200, keep: "ONE=X-Amz-Version-Id"},
		{do: "PUT /bucket/k", body: "22", status: 200, keep: "TWO=X-Amz-Version-Id"},
		{do: "GET /bucket/k?attributes", header: size, status: 200, has: []string{"<ObjectSize>2<"}, told: []string{"X-Amz-Version-Id", "$TWO"}},
		{do: "GET /bucket/k?attributes&versionId=$ONE", header: size, status: 200, has: []string{"<ObjectSize>1<"}, told: []string{"X-Amz-Version-Id", "$ONE"}},
		{do: "DELETE /bucket/k", status: 204, keep: "MARK=X-Amz-Version-Id"},
		{do: "GET /bucket/k?attributes", header: size, status: 404, has: code("NoSuchKey"), told: []string{"X-Amz-Delete-Marker", "true"}},
		{do: "GET /bucket/k?attributes&versionId=$MARK", header: size, status: 405, has: code("MethodNotAllowed"), told: []string{"X-Amz-Delete-Marker", "true"}},
		{do: "GET /bucket/k?attributes&versionId=" + unknown, header: size, status: 404, has: code("NoSuchVersion")},
	})
}
