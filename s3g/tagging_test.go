package s3g_test

import (
	"fmt"
	"strings"
	"testing"
)

// taggingDoc is the document of tags k0 to k(n-1).
func taggingDoc(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<Tag><Key>k%d</Key><Value>v</Value></Tag>", i)
	}
	return "<Tagging><TagSet>" + b.String() + "</TagSet></Tagging>"
}

func oneTag(key, value string) string {
	return "<Tagging><TagSet><Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag></TagSet></Tagging>"
}

// badTagging are documents that neither objects nor buckets take.
var badTagging = []struct{ body, code string }{
	{oneTag("", "v"), "InvalidTag"},
	{oneTag(strings.Repeat("k", 129), "v"), "InvalidTag"},
	{oneTag("k", strings.Repeat("v", 257)), "InvalidTag"},
	{oneTag("aws:k", "v"), "InvalidTag"},
	{oneTag("AWS:k", "v"), "InvalidTag"},
	{oneTag("k*", "v"), "InvalidTag"},
	{oneTag("k", "v&amp;"), "InvalidTag"},
	{"<Tagging><TagSet><Tag><Key>k</Key><Value>1</Value></Tag><Tag><Key>k</Key><Value>2</Value></Tag></TagSet></Tagging>", "InvalidTag"},
	{"<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>", "MalformedXML"},
	{"<Tagging/>", "MalformedXML"},
	{"<Tags/>", "MalformedXML"},
	{"<Tagging>", "MalformedXML"},
	{"", "MissingRequestBodyError"},
}

func TestBucketTagging(t *testing.T) {
	_, url := serve(t, nil)
	steps := []step{
		{do: "GET /bucket?tagging", status: 404, has: code("NoSuchBucket")},
		{do: "PUT /bucket?tagging", body: taggingDoc(1), status: 404, has: code("NoSuchBucket")},
		{do: "PUT /bucket", status: 200},
		{do: "GET /bucket?tagging", status: 404, has: code("NoSuchTagSet")},
		{do: "DELETE /bucket?tagging", status: 204},
		{do: "PUT /bucket?tagging", body: oneTag("b", "2"), status: 204},
		{do: "PUT /bucket?tagging", body: "<Tagging><TagSet><Tag><Key>z</Key><Value></Value></Tag><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>", status: 204},
		{do: "GET /bucket?tagging", status: 200, has: []string{"<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet><Tag><Key>z</Key><Value></Value></Tag><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"}},
		{do: "PUT /bucket?tagging", body: taggingDoc(51), status: 400, has: code("BadRequest")},
		{do: "PUT /bucket?tagging", header: []string{"X-Amz-Expected-Bucket-Owner", "somebody"}, body: taggingDoc(1), status: 403, has: code("AccessDenied")},
		{do: "GET /bucket?tagging", status: 200, has: []string{"<Key>z</Key>"}},
		{do: "PUT /bucket?tagging", body: taggingDoc(50), status: 204},
		{do: "GET /bucket?tagging", status: 200, has: []string{"<Key>k0</Key>", "<Key>k49</Key>"}},
		{do: "DELETE /bucket?tagging", status: 204},
		{do: "GET /bucket?tagging", status: 404, has: code("NoSuchTagSet")},

		{do: "PUT /tagged", body: "<CreateBucketConfiguration><Tags><Tag><Key>aws:a</Key><Value>1</Value></Tag></Tags></CreateBucketConfiguration>", status: 400, has: code("InvalidTag")},
		{do: "PUT /tagged", body: "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>1</Value></Tag></Tags></CreateBucketConfiguration>", status: 200},
		{do: "GET /tagged?tagging", status: 200, has: []string{"<TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet>"}},
	}
	for _, bad := range badTagging {
		steps = append(steps, step{do: "PUT /bucket?tagging", body: bad.body, status: 400, has: code(bad.code)})
	}
	script(t, url, steps)
}

func TestObjectTagging(t *testing.T) {
	_, url := serve(t, nil)
	steps := []step{
		{do: "PUT /bucket", status: 200},
		{do: "PUT /bucket/k?tagging", body: taggingDoc(1), status: 404, has: code("NoSuchKey")},
		{do: "PUT /bucket/k", body: "x", header: []string{"X-Amz-Tagging", "b=2&a=1&c"}, status: 200},
		{do: "GET /bucket/k?tagging", status: 200, has: []string{"<Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2</Value></Tag><Tag><Key>c</Key><Value></Value></Tag>"}},
		{do: "HEAD /bucket/k", status: 200, told: []string{"X-Amz-Tagging-Count", "3"}},
		{do: "PUT /bucket/other", body: "x", header: []string{"X-Amz-Tagging", "&a=1&&"}, status: 200},
		{do: "GET /bucket/other?tagging", status: 200, has: []string{"<TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet>"}},
		{do: "PUT /bucket/other", body: "x", header: []string{"X-Amz-Tagging", "="}, status: 400, has: code("InvalidArgument")},
		{do: "PUT /bucket/other", body: "x", header: []string{"X-Amz-Tagging", "a=%26"}, status: 400, has: []string{"<Code>InvalidTag</Code>", "<TagKey>a</TagKey><TagValue>&amp;</TagValue>"}},
		{do: "PUT /bucket/k?tagging", body: taggingDoc(10), status: 200},
		{do: "GET /bucket/k", status: 200, told: []string{"X-Amz-Tagging-Count", "10"}},
		{do: "PUT /bucket/k?tagging", body: taggingDoc(11), status: 400, has: []string{"<Code>BadRequest</Code><Message>Object tags cannot be greater than 10</Message>"}},
		{do: "PUT /bucket/k?tagging", body: "<Tagging><TagSet/></Tagging>", status: 200},
		{do: "GET /bucket/k?tagging", status: 200, has: []string{"<TagSet></TagSet>"}},
		{do: "PUT /bucket/k?tagging", body: oneTag("ключ", "значение 1"), status: 200},
		{do: "DELETE /bucket/k?tagging", status: 204},
		{do: "HEAD /bucket/k", status: 200, told: []string{"X-Amz-Tagging-Count", ""}},
		{do: "DELETE /bucket/absent?tagging", status: 404, has: code("NoSuchKey")},
	}
	for _, bad := range badTagging {
		steps = append(steps, step{do: "PUT /bucket/k?tagging", body: bad.body, status: 400, has: code(bad.code)})
	}
	script(t, url, steps)
}

// Tags by version, and what copies and uploads do with them.
func TestObjectTaggingVersions(t *testing.T) {
	_, url := serve(t, nil)
	script(t, url, []step{
		{do: "PUT /bucket", status: 200},
		{do: "PUT /bucket?versioning", body: enabled, status: 200},
		{do: "PUT /bucket/k", body: "x", header: []string{"X-Amz-Tagging", "t=1"}, status: 200, keep: "ONE=X-Amz-Version-Id"},
		{do: "PUT /bucket/k", body: "y", header: []string{"X-Amz-Tagging", "t=2"}, status: 200, keep: "TWO=X-Amz-Version-Id"},
		{do: "PUT /bucket/k?tagging&versionId=$ONE", body: oneTag("t", "one"), status: 200, told: []string{"X-Amz-Version-Id", "$ONE"}},
		{do: "GET /bucket/k?tagging&versionId=$ONE", status: 200, has: []string{"<Value>one</Value>"}, told: []string{"X-Amz-Version-Id", "$ONE"}},
		{do: "GET /bucket/k?tagging", status: 200, has: []string{"<Value>2</Value>"}, told: []string{"X-Amz-Version-Id", "$TWO"}},
		{do: "DELETE /bucket/k?tagging&versionId=$ONE", status: 204, told: []string{"X-Amz-Version-Id", "$ONE"}},
		{do: "GET /bucket/k?tagging&versionId=$ONE", status: 200, has: []string{"<TagSet></TagSet>"}},
		{do: "GET /bucket/k?tagging&versionId=" + unknown, status: 404, has: code("NoSuchVersion")},
		{do: "PUT /bucket/k?tagging&versionId=" + unknown, body: oneTag("a", "b"), status: 404, has: code("NoSuchVersion")},
		{do: "DELETE /bucket/k", status: 204, keep: "MARK=X-Amz-Version-Id"},
		{do: "GET /bucket/k?tagging", status: 405, has: code("MethodNotAllowed"), told: []string{"X-Amz-Delete-Marker", "true"}},
		{do: "PUT /bucket/k?tagging", body: oneTag("a", "b"), status: 405, has: code("MethodNotAllowed"), told: []string{"X-Amz-Delete-Marker", "true"}},
		{do: "GET /bucket/k?tagging&versionId=$MARK", status: 405, has: code("MethodNotAllowed")},
		{do: "PUT /bucket/k?tagging&versionId=$MARK", body: oneTag("a", "b"), status: 405, has: code("MethodNotAllowed")},
		{do: "DELETE /bucket/k?tagging&versionId=$MARK", status: 405, has: code("MethodNotAllowed")},

		{do: "PUT /bucket/copy", header: []string{"X-Amz-Copy-Source", "bucket/k?versionId=$TWO", "X-Amz-Tagging", "ignored=1"}, status: 200},
		{do: "GET /bucket/copy?tagging", status: 200, has: []string{"<Key>t</Key><Value>2</Value>"}},
		{do: "PUT /bucket/copy", header: []string{"X-Amz-Copy-Source", "bucket/k?versionId=$TWO", "X-Amz-Tagging", "new=1", "X-Amz-Tagging-Directive", "REPLACE"}, status: 200},
		{do: "GET /bucket/copy?tagging", status: 200, has: []string{"<TagSet><Tag><Key>new</Key><Value>1</Value></Tag></TagSet>"}},
		{do: "PUT /bucket/copy", header: []string{"X-Amz-Copy-Source", "bucket/k?versionId=$TWO", "X-Amz-Tagging-Directive", "MAYBE"}, status: 400, has: code("InvalidArgument")},
	})
	id := createUpload(t, url+"/bucket/mp", "X-Amz-Tagging", "up=1")
	etag := putPart(t, url+"/bucket/mp", id, 1, "x")
	script(t, url, []step{
		{do: "POST /bucket/mp?uploadId=" + id, body: completeDoc(etag), status: 200, keep: "MP=X-Amz-Version-Id"},
		{do: "GET /bucket/mp?tagging&versionId=$MP", status: 200, has: []string{"<Key>up</Key><Value>1</Value>"}},
		{do: "GET /bucket/mp", status: 200, told: []string{"X-Amz-Tagging-Count", "1", "X-Amz-Version-Id", "$MP"}},
	})
}
