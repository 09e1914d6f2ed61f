package s3g_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
)

func lifecycleDoc(rules ...string) string {
	return "<LifecycleConfiguration>" + strings.Join(rules, "") + "</LifecycleConfiguration>"
}

// enabledRule is a rule with that inside.
func enabledRule(inner string) string {
	return lifecycleDoc("<Rule>" + inner + "<Status>Enabled</Status></Rule>")
}

const all = "<Filter/>"

func expire(inner string) string { return "<Expiration>" + inner + "</Expiration>" }

func TestLifecycleConfiguration(t *testing.T) {
	_, url := serve(t, nil)
	const ns = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
	// Every kind of rule, told again as AWS orders it.
	rules := []string{
		"<Rule><ID>old</ID><Prefix>logs/</Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>",
		"<Rule><ID>none</ID><Filter></Filter><Status>Disabled</Status><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration></Rule>",
		"<Rule><ID>empty prefix</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>",
		"<Rule><ID>tag</ID><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays><NewerNoncurrentVersions>5</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>",
		"<Rule><ID>and</ID><Filter><And><Prefix>p</Prefix><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value></Value></Tag><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan><ObjectSizeLessThan>10</ObjectSizeLessThan></And></Filter><Status>Enabled</Status><Expiration><Days>5</Days></Expiration></Rule>",
		"<Rule><ID>marker</ID><Filter><Prefix>m</Prefix></Filter><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>",
		"<Rule><ID>move</ID><Filter><ObjectSizeLessThan>100</ObjectSizeLessThan></Filter><Status>Enabled</Status><Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition><Transition><Days>0</Days><StorageClass>GLACIER_IR</StorageClass></Transition><Expiration><Days>90</Days></Expiration><NoncurrentVersionTransition><NoncurrentDays>30</NoncurrentDays><StorageClass>ONEZONE_IA</StorageClass><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionTransition></Rule>",
	}
	doc := lifecycleDoc(rules...)
	const minimum = "X-Amz-Transition-Default-Minimum-Object-Size"
	script(t, url, []step{
		{do: "GET /bucket?lifecycle", status: 404, has: code("NoSuchBucket")},
		{do: "PUT /bucket?lifecycle", body: doc, status: 404, has: code("NoSuchBucket")},
		{do: "PUT /bucket", status: 200},
		{do: "GET /bucket?lifecycle", status: 404, has: code("NoSuchLifecycleConfiguration")},
		{do: "DELETE /bucket?lifecycle", status: 204},
		{do: "PUT /bucket?lifecycle", body: doc, status: 200, told: []string{minimum, ""}},
		{do: "GET /bucket?lifecycle", status: 200, has: []string{"<LifecycleConfiguration" + ns + ">" + strings.Join(rules, "") + "</LifecycleConfiguration>"}, told: []string{minimum, "all_storage_classes_128K"}},
		{do: "GET /bucket?lifecycle", header: []string{"X-Amz-Expected-Bucket-Owner", "somebody"}, status: 403, has: code("AccessDenied")},
		{do: "PUT /bucket?lifecycle", header: []string{minimum, "varies_by_storage_class"}, body: enabledRule("<ID>second</ID>" + all + expire("<Days>2</Days>")), status: 200, told: []string{minimum, "varies_by_storage_class"}},
		{do: "GET /bucket?lifecycle", status: 200, has: []string{"<Rule><ID>second</ID>"}, told: []string{minimum, "varies_by_storage_class"}},
		{do: "PUT /bucket?lifecycle", header: []string{minimum, "huge"}, body: doc, status: 400, has: code("InvalidArgument")},
		{do: "PUT /bucket?lifecycle", body: enabledRule(all + expire("<Days>2</Days>")), status: 200}, // an id is made up
		{do: "GET /bucket?lifecycle", status: 200, has: []string{"<Rule><ID>", "</ID><Filter></Filter>"}},
		{do: "PUT /bucket?lifecycle", body: enabledRule(all + expire("<Date>2030-01-01</Date>")), status: 200},
		{do: "DELETE /bucket?lifecycle", status: 204},
		{do: "GET /bucket?lifecycle", status: 404, has: code("NoSuchLifecycleConfiguration")},
	})
	if status, _, got := ask(t, "PUT", url+"/bucket?lifecycle", doc); status != 400 || !strings.Contains(got, "Content-MD5") {
		t.Errorf("without a digest: %d %s", status, got)
	}
}

func TestBadLifecycleConfiguration(t *testing.T) {
	_, url := serve(t, nil)
	if status, _, body := ask(t, "PUT", url+"/bucket", ""); status != 200 {
		t.Fatal(body)
	}
	days := expire("<Days>1</Days>")
	many := strings.Repeat("<Rule><Filter/><Status>Enabled</Status>"+days+"</Rule>", 1001)
	for _, c := range []struct{ doc, code string }{
		{"", "MalformedXML"},
		{"<Lifecycle/>", "MalformedXML"},
		{lifecycleDoc(), "MalformedXML"},
		{lifecycleDoc(many), "MalformedXML"},
		{lifecycleDoc("<Rule>" + all + days + "</Rule>"), "MalformedXML"},
		{lifecycleDoc("<Rule>" + all + "<Status>enabled</Status>" + days + "</Rule>"), "MalformedXML"},
		{enabledRule("<ID>" + strings.Repeat("x", 256) + "</ID>" + all + days), "InvalidArgument"},
		{lifecycleDoc(strings.Repeat("<Rule><ID>a</ID><Filter/><Status>Enabled</Status>"+days+"</Rule>", 2)), "InvalidArgument"},
		{enabledRule(all), "InvalidRequest"},

		{enabledRule(days), "MalformedXML"},
		{enabledRule("<Prefix>a</Prefix>" + all + days), "MalformedXML"},
		{enabledRule("<Filter><Prefix>a</Prefix><ObjectSizeLessThan>1</ObjectSizeLessThan></Filter>" + days), "MalformedXML"},
		{enabledRule("<Filter><And><Prefix>a</Prefix></And></Filter>" + days), "MalformedXML"},
		{enabledRule("<Filter><Prefix>" + strings.Repeat("a", 1025) + "</Prefix></Filter>" + days), "InvalidRequest"},
		{enabledRule("<Filter><Tag><Key></Key><Value>v</Value></Tag></Filter>" + days), "InvalidTag"},
		{enabledRule("<Filter><Tag><Key>k</Key></Tag></Filter>" + days), "MalformedXML"},
		{enabledRule("<Filter><And><Tag><Key>k</Key><Value>1</Value></Tag><Tag><Key>k</Key><Value>2</Value></Tag></And></Filter>" + days), "InvalidTag"},
		{enabledRule("<Filter><ObjectSizeGreaterThan>-1</ObjectSizeGreaterThan></Filter>" + days), "InvalidRequest"},
		{enabledRule("<Filter><ObjectSizeLessThan>0</ObjectSizeLessThan></Filter>" + days), "InvalidRequest"},
		{enabledRule("<Filter><And><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>" + days), "InvalidRequest"},

		{enabledRule(all + expire("")), "MalformedXML"},
		{enabledRule(all + expire("<Days>1</Days><Date>2030-01-01T00:00:00Z</Date>")), "MalformedXML"},
		{enabledRule(all + expire("<Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>")), "MalformedXML"},
		{enabledRule(all + expire("<Days>0</Days>")), "InvalidArgument"},
		{enabledRule(all + expire("<Days>-1</Days>")), "InvalidArgument"},
		{enabledRule(all + expire("<Days>2147483648</Days>")), "InvalidArgument"},
		{enabledRule(all + expire("<Days>one</Days>")), "MalformedXML"},
		{enabledRule(all + expire("<Date>20300101</Date>")), "MalformedXML"},
		{enabledRule(all + expire("<Date>2030-01-01T12:00:00Z</Date>")), "InvalidArgument"},
		{enabledRule(all + expire("<Date>2030-01-01T00:00:00+01:00</Date>")), "InvalidArgument"},
		{enabledRule("<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>" + expire("<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>")), "InvalidRequest"},

		{enabledRule(all + "<NoncurrentVersionExpiration></NoncurrentVersionExpiration>"), "MalformedXML"},
		{enabledRule(all + "<NoncurrentVersionExpiration><NoncurrentDays>0</NoncurrentDays></NoncurrentVersionExpiration>"), "InvalidArgument"},
		{enabledRule(all + "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions></NoncurrentVersionExpiration>"), "InvalidArgument"},
		{enabledRule("<Prefix></Prefix><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>"), "InvalidRequest"},

		{enabledRule(all + "<AbortIncompleteMultipartUpload></AbortIncompleteMultipartUpload>"), "MalformedXML"},
		{enabledRule(all + "<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), "InvalidArgument"},
		{enabledRule("<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), "InvalidRequest"},
		{enabledRule("<Filter><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), "InvalidRequest"},

		{enabledRule(all + "<Transition><Days>1</Days></Transition>"), "MalformedXML"},
		{enabledRule(all + "<Transition><StorageClass>GLACIER_IR</StorageClass></Transition>"), "MalformedXML"},
		{enabledRule(all + "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>"), "InvalidStorageClass"},
		{enabledRule(all + "<Transition><Days>1</Days><StorageClass>NONSENSE</StorageClass></Transition>"), "InvalidStorageClass"},
		{enabledRule(all + "<Transition><Days>1</Days><StorageClass>STANDARD</StorageClass></Transition>"), "InvalidStorageClass"},
		{enabledRule(all + "<Transition><Days>29</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"), "InvalidArgument"},
		{enabledRule(all + "<Transition><Days>-1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>"), "InvalidArgument"},
		{enabledRule(all + strings.Repeat("<Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>", 2)), "InvalidRequest"},
		{enabledRule(all + "<Transition><Days>2</Days><StorageClass>GLACIER_IR</StorageClass></Transition>" + expire("<Days>2</Days>")), "InvalidArgument"},
		{enabledRule(all + "<Transition><Days>2</Days><StorageClass>GLACIER_IR</StorageClass></Transition>" + expire("<Date>2030-01-01T00:00:00Z</Date>")), "InvalidRequest"},
		{enabledRule(all + "<Transition><Date>2030-01-02T00:00:00Z</Date><StorageClass>GLACIER_IR</StorageClass></Transition>" + expire("<Date>2030-01-01T00:00:00Z</Date>")), "InvalidArgument"},
		{enabledRule(all + "<NoncurrentVersionTransition><StorageClass>GLACIER_IR</StorageClass></NoncurrentVersionTransition>"), "MalformedXML"},
		{enabledRule(all + "<NoncurrentVersionTransition><NoncurrentDays>5</NoncurrentDays><StorageClass>GLACIER_IR</StorageClass></NoncurrentVersionTransition><NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays></NoncurrentVersionExpiration>"), "InvalidArgument"},
	} {
		status, _, body := ask(t, "PUT", url+"/bucket?lifecycle", c.doc, "Content-MD5", digestOf(c.doc))
		if status != 400 || !strings.Contains(body, "<Code>"+c.code+"</Code>") {
			t.Errorf("%.300s: %d %s, want %s", c.doc, status, body, c.code)
		}
	}
}

// What a rule will do is told in headers, from the object's date on.
func TestExpirationHeader(t *testing.T) {
	_, url := serve(t, nil)
	doc := lifecycleDoc(
		"<Rule><ID>the logs</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule>",
		"<Rule><ID>tagged</ID><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>",
		"<Rule><ID>uploads</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>")
	script(t, url, []step{
		{do: "PUT /bucket", status: 200},
		{do: "PUT /bucket/logs/a", body: "x", status: 200, told: []string{"X-Amz-Expiration", ""}},
		{do: "PUT /bucket?lifecycle", body: doc, status: 200},
		{do: "PUT /bucket/other", body: "x", status: 200, told: []string{"X-Amz-Expiration", ""}},
		{do: "HEAD /bucket/other", status: 200, told: []string{"X-Amz-Expiration", ""}},
	})
	_, h, _ := ask(t, "HEAD", url+"/bucket/logs/a", "")
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		t.Fatal(err)
	}
	date := func(days int) string {
		return lifecycle.Calendar{}.After(modified, days).Format(http.TimeFormat)
	}
	if d, err := http.ParseTime(date(3)); err != nil || d.Sub(modified) < 72*time.Hour || d.Sub(modified) > 96*time.Hour {
		t.Errorf("%v is three days behind %v", d, modified)
	}
	logs := fmt.Sprintf(`expiry-date="%s", rule-id="the%%20logs"`, date(3))
	tagged := fmt.Sprintf(`expiry-date="%s", rule-id="tagged"`, date(1))
	tag := []string{"X-Amz-Tagging", "k=v"}
	script(t, url, []step{
		{do: "HEAD /bucket/logs/a", status: 200, told: []string{"X-Amz-Expiration", logs}},
		{do: "GET /bucket/logs/a", status: 200, told: []string{"X-Amz-Expiration", logs}},
		{do: "PUT /bucket/logs/b", header: tag, body: "x", status: 200, told: []string{"X-Amz-Expiration", tagged}},
		{do: "GET /bucket/logs/b", status: 200, told: []string{"X-Amz-Expiration", tagged}},
		{do: "PUT /bucket/logs/c", header: []string{"X-Amz-Copy-Source", "/bucket/other"}, status: 200, told: []string{"X-Amz-Expiration", logs}},
		{do: "POST /bucket/logs/d?uploads", status: 200, told: []string{"X-Amz-Abort-Date", date(2), "X-Amz-Abort-Rule-Id", "uploads"}},
		{do: "DELETE /bucket?lifecycle", status: 204},
		{do: "GET /bucket/logs/a", status: 200, told: []string{"X-Amz-Expiration", ""}},
	})
}
