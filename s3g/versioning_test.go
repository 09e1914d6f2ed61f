package s3g_test

import (
	"strings"
	"testing"
)

const (
	enabled   = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
	suspended = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
	unknown   = "00000000000000000000000000000000" // a version id that nobody has
)

func TestBucketVersioning(t *testing.T) {
	_, url := serve(t, nil)
	put := func(body string, status int, has ...string) step {
		return step{do: "PUT /bucket?versioning", body: body, status: status, has: has}
	}
	script(t, url, []step{
		{do: "GET /bucket?versioning", status: 404, has: code("NoSuchBucket")},
		{do: "PUT /bucket?versioning", body: enabled, status: 404, has: code("NoSuchBucket")},
		{do: "PUT /bucket", status: 200},
		{do: "GET /bucket?versioning", status: 200, has: []string{"<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></VersioningConfiguration>"}},
		put(enabled, 200),
		{do: "GET /bucket?versioning", status: 200, has: []string{"<Status>Enabled</Status></V"}},
		put(suspended, 200),
		{do: "GET /bucket?versioning", status: 200, has: []string{"<Status>Suspended</Status></V"}},
		put("<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Disabled</MfaDelete></VersioningConfiguration>", 200),
		put("<VersioningConfiguration/>", 400, code("IllegalVersioningConfigurationException")...),
		put("<VersioningConfiguration><Status>enabled</Status></VersioningConfiguration>", 400, code("MalformedXML")...),
		put("<VersioningConfiguration><Status></Status></VersioningConfiguration>", 400, code("MalformedXML")...),
		put("<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>", 403, code("AccessDenied")...),
		put("<VersioningConfiguration><Status>Enabled</Status><MfaDelete>maybe</MfaDelete></VersioningConfiguration>", 400, code("MalformedXML")...),
		put("<Versioning><Status>Enabled</Status></Versioning>", 400, code("MalformedXML")...),
		put("<VersioningConfiguration>", 400, code("MalformedXML")...),
		{do: "PUT /bucket?versioning", header: []string{"X-Amz-Expected-Bucket-Owner", "somebody"}, body: enabled, status: 403, has: code("AccessDenied")},
		{do: "DELETE /bucket?versioning", status: 405, has: code("MethodNotAllowed")},
	})
}

// Objects of a bucket that never was versioned are null versions, and no answer tells so.
func TestNeverVersioned(t *testing.T) {
	_, url := serve(t, nil)
	script(t, url, []step{
		{do: "PUT /bucket", status: 200},
		{do: "PUT /bucket/k", body: "x", status: 200, told: []string{"X-Amz-Version-Id", ""}},
		{do: "GET /bucket/k", status: 200, told: []string{"X-Amz-Version-Id", ""}, has: []string{"x"}},
		{do: "HEAD /bucket/k?versionId=null", status: 200},
		{do: "GET /bucket?versions", status: 200, has: []string{"<IsTruncated>false</IsTruncated><Version><Key>k</Key><VersionId>null</VersionId><IsLatest>true</IsLatest>", "<Size>1</Size>"}},
		{do: "GET /bucket/k?versionId=" + unknown, status: 404, has: []string{"<Code>NoSuchVersion</Code>", "<Key>k</Key><VersionId>" + unknown + "</VersionId>"}},
		{do: "HEAD /bucket/k?versionId=" + unknown, status: 404},
		{do: "GET /bucket/absent?versionId=" + unknown, status: 404, has: code("NoSuchVersion")},
		{do: "GET /bucket/k?versionId=nonsense", status: 400, has: []string{"<Code>InvalidArgument</Code><Message>Invalid version id specified</Message>"}},
		{do: "HEAD /bucket/k?versionId=nonsense", status: 400},
		{do: "GET /bucket/k?versionId=", status: 400, has: []string{"<Code>InvalidArgument</Code><Message>Version id cannot be the empty string</Message>"}},
		{do: "DELETE /bucket/k?versionId=nonsense", status: 400, has: code("InvalidArgument")},
		{do: "GET /bucket/k?tagging&versionId=nonsense", status: 400, has: code("InvalidArgument")},
		{do: "PUT /bucket/k?versionId=null", body: "y", status: 400, has: []string{"This operation does not accept a version-id."}},
		{do: "PUT /bucket/copy", header: []string{"X-Amz-Copy-Source", "bucket/k?versionId=nonsense"}, status: 400, has: code("InvalidArgument")},
		{do: "PUT /bucket/copy", header: []string{"X-Amz-Copy-Source", "bucket/k?versionId=" + unknown}, status: 404, has: []string{"<Code>NoSuchVersion</Code>", "<Key>k</Key>"}},
		{do: "PUT /bucket/copy", header: []string{"X-Amz-Copy-Source", "bucket/k?versionId=null"}, status: 200, told: []string{"X-Amz-Version-Id", "", "X-Amz-Copy-Source-Version-Id", ""}},
		{do: "DELETE /bucket/copy", status: 204, told: []string{"X-Amz-Version-Id", "", "X-Amz-Delete-Marker", ""}},
		{do: "DELETE /bucket/k?versionId=" + unknown, status: 204},
		{do: "GET /bucket/k", status: 200},
		{do: "DELETE /bucket/k?versionId=null", status: 204},
		{do: "GET /bucket/k", status: 404, has: code("NoSuchKey"), told: []string{"X-Amz-Delete-Marker", ""}},
		{do: "DELETE /bucket", status: 204},
	})
}

// The life of a key in a versioned bucket.
func TestVersions(t *testing.T) {
	_, url := serve(t, nil)
	script(t, url, []step{
		{do: "PUT /bucket", status: 200},
		{do: "PUT /bucket/k", body: "null", status: 200},
		{do: "PUT /bucket?versioning", body: enabled, status: 200},
		{do: "GET /bucket/k", status: 200, told: []string{"X-Amz-Version-Id", "null"}},
		{do: "PUT /bucket/k", body: "one", status: 200, keep: "ONE=X-Amz-Version-Id"},
		{do: "PUT /bucket/k", body: "two", status: 200, keep: "TWO=X-Amz-Version-Id"},
		{do: "GET /bucket/k", status: 200, told: []string{"X-Amz-Version-Id", "$TWO"}, has: []string{"two"}},
		{do: "GET /bucket/k?versionId=$ONE", status: 200, told: []string{"X-Amz-Version-Id", "$ONE"}, has: []string{"one"}},
		{do: "GET /bucket/k?versionId=null", status: 200, told: []string{"X-Amz-Version-Id", "null"}, has: []string{"null"}},
		{do: "HEAD /bucket/k?versionId=$ONE", status: 200, told: []string{"X-Amz-Version-Id", "$ONE", "Content-Length", "3"}},
		{do: "GET /bucket/k?versionId=" + unknown, status: 404, has: code("NoSuchVersion")},

		{do: "DELETE /bucket/k", status: 204, told: []string{"X-Amz-Delete-Marker", "true"}, keep: "MARK=X-Amz-Version-Id"},
		{do: "GET /bucket/k", status: 404, has: []string{"<Code>NoSuchKey</Code>"}, told: []string{"X-Amz-Delete-Marker", "true", "X-Amz-Version-Id", "$MARK"}},
		{do: "HEAD /bucket/k", status: 404, told: []string{"X-Amz-Delete-Marker", "true", "X-Amz-Version-Id", "$MARK"}},
		{do: "GET /bucket/k?versionId=$MARK", status: 405, has: []string{"<Code>MethodNotAllowed</Code>", "<Method>GET</Method><ResourceType>DeleteMarker</ResourceType>"}, told: []string{"X-Amz-Delete-Marker", "true", "Allow", "DELETE", "X-Amz-Version-Id", "$MARK"}, keep: "WHEN=Last-Modified"},
		{do: "HEAD /bucket/k?versionId=$MARK", status: 405, told: []string{"X-Amz-Delete-Marker", "true", "Allow", "DELETE"}},
		{do: "GET /bucket/k?versionId=$ONE", status: 200, has: []string{"one"}, told: []string{"X-Amz-Delete-Marker", ""}},
		{do: "GET /bucket?list-type=2", status: 200, has: []string{"<KeyCount>0</KeyCount>"}},
		{do: "DELETE /bucket", status: 409, has: []string{"<Code>BucketNotEmpty</Code>", "You must delete all versions"}},

		{do: "DELETE /bucket/k?versionId=$MARK", status: 204, told: []string{"X-Amz-Delete-Marker", "true", "X-Amz-Version-Id", "$MARK"}},
		{do: "GET /bucket/k", status: 200, has: []string{"two"}},
		{do: "DELETE /bucket/k?versionId=$TWO", status: 204, told: []string{"X-Amz-Delete-Marker", "", "X-Amz-Version-Id", "$TWO"}},
		{do: "GET /bucket/k", status: 200, has: []string{"one"}},
		{do: "DELETE /bucket/k?versionId=$TWO", status: 204},

		{do: "PUT /bucket?versioning", body: suspended, status: 200},
		{do: "PUT /bucket/k", body: "new null", status: 200, told: []string{"X-Amz-Version-Id", ""}},
		{do: "PUT /bucket/k", header: []string{"X-Amz-Copy-Source", "bucket/k", "X-Amz-Metadata-Directive", "REPLACE"}, status: 200, told: []string{"X-Amz-Version-Id", "", "X-Amz-Copy-Source-Version-Id", "null"}},
		{do: "HEAD /bucket/k", status: 200, told: []string{"X-Amz-Version-Id", "null"}},
		{do: "GET /bucket/k?versionId=null", status: 200, has: []string{"new null"}},
		{do: "DELETE /bucket/k", status: 204, told: []string{"X-Amz-Delete-Marker", "true", "X-Amz-Version-Id", "null"}},
		{do: "GET /bucket/k?versionId=null", status: 405, has: code("MethodNotAllowed")},
		{do: "GET /bucket?versions", status: 200, has: []string{"<DeleteMarker><Key>k</Key><VersionId>null</VersionId><IsLatest>true</IsLatest>", "</DeleteMarker><Version><Key>k</Key><VersionId>$ONE</VersionId><IsLatest>false</IsLatest>"}},
		{do: "DELETE /bucket/k?versionId=null", status: 204},
		{do: "DELETE /bucket/k?versionId=$ONE", status: 204},
		{do: "DELETE /bucket", status: 204},
	})
}

func TestCopyVersions(t *testing.T) {
	_, url := serve(t, nil)
	source := func(s string) []string { return []string{"X-Amz-Copy-Source", s} }
	script(t, url, []step{
		{do: "PUT /bucket", status: 200},
		{do: "PUT /bucket?versioning", body: enabled, status: 200},
		{do: "PUT /bucket/k", body: "one", header: []string{"X-Amz-Meta-A", "1", "X-Amz-Tagging", "t=1"}, status: 200, keep: "ONE=X-Amz-Version-Id"},
		{do: "PUT /bucket/k", body: "two", status: 200, keep: "TWO=X-Amz-Version-Id"},
		{do: "PUT /bucket/k", header: source("bucket/k"), status: 400, has: code("InvalidRequest")},
		{do: "PUT /bucket/k", header: source("bucket/k?versionId=$ONE"), status: 200, has: []string{"<CopyObjectResult", "<LastModified>"}, told: []string{"X-Amz-Copy-Source-Version-Id", "$ONE"}, keep: "THREE=X-Amz-Version-Id"},
		{do: "GET /bucket/k", status: 200, has: []string{"one"}, told: []string{"X-Amz-Version-Id", "$THREE", "X-Amz-Meta-A", "1", "X-Amz-Tagging-Count", "1"}},
		{do: "PUT /bucket/other", header: source("bucket/k"), status: 200, told: []string{"X-Amz-Copy-Source-Version-Id", "$THREE"}},
		{do: "DELETE /bucket/k", status: 204, keep: "MARK=X-Amz-Version-Id"},
		{do: "PUT /bucket/other", header: source("bucket/k"), status: 404, has: []string{"<Code>NoSuchKey</Code>", "<Key>k</Key>"}},
		{do: "PUT /bucket/other", header: source("bucket/k?versionId=$MARK"), status: 400, has: code("InvalidRequest")},
		{do: "PUT /bucket/other", header: source("bucket/k?versionId=$TWO"), status: 200},
		{do: "GET /bucket/other", status: 200, has: []string{"two"}},
	})
}

func TestUploadVersions(t *testing.T) {
	_, url := serve(t, nil)
	script(t, url, []step{
		{do: "PUT /bucket", status: 200},
		{do: "PUT /bucket?versioning", body: enabled, status: 200},
		{do: "PUT /bucket/k", body: "one", status: 200, keep: "ONE=X-Amz-Version-Id"},
		{do: "PUT /bucket/k", body: "two", status: 200, keep: "TWO=X-Amz-Version-Id"},
	})
	id := createUpload(t, url+"/bucket/mp")
	part := url + "/bucket/mp?partNumber=1&uploadId=" + id
	status, h, body := ask(t, "PUT", part, "", "X-Amz-Copy-Source", "bucket/k")
	if status != 200 || h.Get("X-Amz-Copy-Source-Version-Id") == "" {
		t.Fatalf("%d %v %s", status, h, body)
	}
	_, etag, _ := strings.Cut(body, "<ETag>")
	etag, _, _ = strings.Cut(etag, "</ETag>")
	script(t, url, []step{
		{do: "POST /bucket/mp?uploadId=" + id, body: completeDoc(etag), status: 200, keep: "FIRST=X-Amz-Version-Id"},
		{do: "POST /bucket/mp?uploadId=" + id, body: completeDoc(etag), status: 200, told: []string{"X-Amz-Version-Id", "$FIRST"}},
		{do: "GET /bucket/mp", status: 200, has: []string{"two"}, told: []string{"X-Amz-Version-Id", "$FIRST"}},
		{do: "GET /bucket/mp?partNumber=1&versionId=$FIRST", status: 206, has: []string{"two"}},
	})
}

func TestDeleteVersions(t *testing.T) {
	_, url := serve(t, nil)
	script(t, url, []step{
		{do: "PUT /bucket", status: 200},
		{do: "PUT /bucket?versioning", body: enabled, status: 200},
		{do: "PUT /bucket/a", body: "a", status: 200, keep: "A=X-Amz-Version-Id"},
		{do: "PUT /bucket/b", body: "b", status: 200, keep: "B=X-Amz-Version-Id"},
		{do: "DELETE /bucket/b", status: 204, keep: "MARK=X-Amz-Version-Id"},
		{do: "POST /bucket?delete", status: 200, body: "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>$MARK</VersionId></Object>" +
			"<Object><Key>b</Key><VersionId>$B</VersionId></Object><Object><Key>a</Key><VersionId>nonsense</VersionId></Object>" +
			"<Object><Key>a</Key><VersionId>" + unknown + "</VersionId></Object></Delete>",
			has: []string{
				"<Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>",
				"<Deleted><Key>b</Key><VersionId>$MARK</VersionId><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>$MARK</DeleteMarkerVersionId></Deleted>",
				"<Deleted><Key>b</Key><VersionId>$B</VersionId></Deleted>",
				"<Deleted><Key>a</Key><VersionId>" + unknown + "</VersionId></Deleted>",
				"<Error><Key>a</Key><VersionId>nonsense</VersionId><Code>NoSuchVersion</Code>",
			}},
		{do: "GET /bucket/a", status: 404, told: []string{"X-Amz-Delete-Marker", "true"}},
		{do: "GET /bucket/a?versionId=$A", status: 200},
		{do: "GET /bucket/b", status: 404, told: []string{"X-Amz-Delete-Marker", ""}},
	})
}

func TestListVersions(t *testing.T) {
	_, url := serve(t, nil)
	bad := func(query, message string) step {
		return step{do: "GET /bucket?versions&" + query, status: 400, has: []string{"<Code>InvalidArgument</Code><Message>" + message}}
	}
	script(t, url, []step{
		{do: "GET /bucket?versions", status: 404, has: code("NoSuchBucket")},
		{do: "GET /bucket/k?versions", status: 400, has: []string{"<Code>InvalidRequest</Code><Message>There is no such thing as the ?versions sub-resource for a key"}},
		{do: "PUT /bucket", status: 200},
		{do: "GET /bucket?versions", status: 200, has: []string{"<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name><Prefix></Prefix><KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListVersionsResult>"}},
		bad("max-keys=-1", "Argument maxKeys must be an integer between 0 and 2147483647"),
		bad("max-keys=x", "Provided max-keys not an integer or within integer range"),
		bad("max-keys=99999999999", "Provided max-keys not an integer or within integer range"),
		bad("encoding-type=gzip", "Invalid Encoding Method specified in Request"),
		bad("version-id-marker=null", "A version-id marker cannot be specified without a key marker."),
		bad("key-marker=k&version-id-marker=nonsense", "Invalid version id specified"),
		{do: "PUT /bucket?versioning", body: enabled, status: 200},
		{do: "PUT /bucket/a", body: "1", status: 200, keep: "A1=X-Amz-Version-Id"},
		{do: "PUT /bucket/a", body: "2", status: 200, keep: "A2=X-Amz-Version-Id"},
		{do: "DELETE /bucket/a", status: 204, keep: "A3=X-Amz-Version-Id"},
		{do: "PUT /bucket/d/1", body: "3", status: 200},
		{do: "PUT /bucket/d/2", body: "4", status: 200},
		{do: "PUT /bucket/e%20%2B", body: "5", status: 200, keep: "E=X-Amz-Version-Id"},
		{do: "GET /bucket?versions&max-keys=2", status: 200, has: []string{
			"<NextKeyMarker>a</NextKeyMarker><NextVersionIdMarker>$A2</NextVersionIdMarker><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>",
			"<DeleteMarker><Key>a</Key><VersionId>$A3</VersionId><IsLatest>true</IsLatest><LastModified>", "</LastModified><Owner><ID>", "</ID><DisplayName>", "</DisplayName></Owner></DeleteMarker>",
			"<Version><Key>a</Key><VersionId>$A2</VersionId><IsLatest>false</IsLatest><LastModified>", "</LastModified><ETag>&quot;c81e728d9d4c2f636f067f89cc14862c&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>1</Size><Owner><ID>",
			"</Owner><StorageClass>STANDARD</StorageClass></Version></ListVersionsResult>"}},
		{do: "GET /bucket?versions&max-keys=1&key-marker=a&version-id-marker=$A2", status: 200, has: []string{
			"<KeyMarker>a</KeyMarker><VersionIdMarker>$A2</VersionIdMarker>", "<Version><Key>a</Key><VersionId>$A1</VersionId>"}},
		{do: "GET /bucket?versions&key-marker=a&delimiter=/", status: 200, has: []string{
			"<Delimiter>/</Delimiter><IsTruncated>false</IsTruncated><Version><Key>e +</Key><VersionId>$E</VersionId>", "<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes></ListVersionsResult>"}},
		{do: "GET /bucket?versions&delimiter=/&max-keys=1&key-marker=a", status: 200, has: []string{"<NextKeyMarker>d/</NextKeyMarker><MaxKeys>1</MaxKeys>"}},
		{do: "GET /bucket?versions&delimiter=/&key-marker=d/", status: 200, has: []string{"<IsTruncated>false</IsTruncated><Version><Key>e +</Key>"}},
		{do: "GET /bucket?versions&prefix=e&encoding-type=url", status: 200, has: []string{"<Prefix>e</Prefix>", "<EncodingType>url</EncodingType>", "<Key>e%20%2B</Key>"}},
		{do: "GET /bucket?versions&max-keys=0", status: 200, has: []string{"<MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated></ListVersionsResult>"}},
		{do: "GET /bucket?versions&max-keys=2147483647", status: 200, has: []string{"<MaxKeys>1000</MaxKeys>"}},
		{do: "GET /bucket?list-type=2", status: 200, has: []string{"<KeyCount>3</KeyCount>"}},
	})
}
