package s3g_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/ozonetest"
	"github.com/mini-ozone/mini-ozone/s3g"
)

// serveTargets starts a gateway over a store with the notification targets q and r.
func serveTargets(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events")
	c := ozonetest.Start(t, ozonetest.Set("mini.om.notification.targets", "q=file:"+path+",r=file:"+path))
	return serveStore(t, s3g.DefaultConfig(), c.Client(), zerolog.Nop())
}

func notificationDoc(inner ...string) string {
	return "<NotificationConfiguration>" + strings.Join(inner, "") + "</NotificationConfiguration>"
}

func queue(id, target, inner string) string {
	if id != "" {
		id = "<Id>" + id + "</Id>"
	}
	return "<QueueConfiguration>" + id + "<Queue>arn:ozone:s3:::" + target + "</Queue>" + inner + "</QueueConfiguration>"
}

const (
	onCreate = "<Event>s3:ObjectCreated:*</Event>"
	onRemove = "<Event>s3:ObjectRemoved:*</Event>"
)

func keyFilter(rules ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(rules); i += 2 {
		b.WriteString("<FilterRule><Name>" + rules[i] + "</Name><Value>" + rules[i+1] + "</Value></FilterRule>")
	}
	return "<Filter><S3Key>" + b.String() + "</S3Key></Filter>"
}

func TestNotificationConfiguration(t *testing.T) {
	url := serveTargets(t)
	empty := `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></NotificationConfiguration>`
	configs := []string{
		"<TopicConfiguration><Id>topic</Id><Topic>arn:aws:sns:us-east-1:1234:q</Topic><Event>s3:ObjectTagging:*</Event></TopicConfiguration>",
		queue("images", "q", onCreate+onRemove+keyFilter("prefix", "in/", "suffix", ".jpg")),
		queue("docs", "r", onCreate+keyFilter("suffix", ".doc")),
		"<CloudFunctionConfiguration><Id>function</Id><CloudFunction>arn:aws:lambda:us-east-1:1234:function:r</CloudFunction><Event>s3:ObjectAcl:Put</Event></CloudFunctionConfiguration>",
	}
	script(t, url, []step{
		{do: "GET /bucket?notification", status: 404, has: code("NoSuchBucket")},
		{do: "PUT /bucket?notification", body: notificationDoc(), status: 404, has: code("NoSuchBucket")},
		{do: "PUT /bucket", status: 200},
		{do: "GET /bucket?notification", status: 200, has: []string{empty}},
		{do: "PUT /bucket?notification", body: notificationDoc(configs...), status: 200},
		{do: "GET /bucket?notification", status: 200, has: configs},
		{do: "GET /bucket?notification", header: []string{"X-Amz-Expected-Bucket-Owner", "somebody"}, status: 403, has: code("AccessDenied")},
		{do: "PUT /bucket?notification", body: notificationDoc(queue("", "q", onCreate+keyFilter("Prefix", "a"))), status: 200},
		{do: "GET /bucket?notification", status: 200, has: []string{"<QueueConfiguration><Id>", "</Id>", "<Name>prefix</Name><Value>a</Value>"}},
		{do: "PUT /bucket?notification", body: notificationDoc(), status: 200},
		{do: "GET /bucket?notification", status: 200, has: []string{empty}},
	})
}

func TestBadNotificationConfiguration(t *testing.T) {
	url := serveTargets(t)
	if status, _, body := ask(t, "PUT", url+"/bucket", ""); status != 200 {
		t.Fatal(body)
	}
	for _, c := range []struct {
		doc    string
		status int
		code   string
	}{
		{"", 400, "MalformedXML"},
		{"<Notification/>", 400, "MalformedXML"},
		{notificationDoc(queue("a", "q", "")), 400, "MalformedXML"},
		{notificationDoc("<QueueConfiguration>" + onCreate + "</QueueConfiguration>"), 400, "MalformedXML"},
		{notificationDoc("<QueueConfiguration><Queue>q</Queue>" + onCreate + "</QueueConfiguration>"), 400, "InvalidArgument"},
		{notificationDoc(queue("a", "unknown", onCreate)), 400, "InvalidArgument"},
		{notificationDoc(queue("a", "q", "<Event>s3:ObjectMade:*</Event>")), 400, "InvalidArgument"},
		{notificationDoc(queue(strings.Repeat("x", 256), "q", onCreate)), 400, "InvalidArgument"},
		{notificationDoc(queue("a", "q", onCreate), queue("a", "r", onRemove)), 400, "InvalidArgument"},
		{notificationDoc(queue("a", "q", onCreate), queue("b", "r", "<Event>s3:ObjectCreated:Put</Event>")), 400, "InvalidArgument"},
		{notificationDoc(queue("a", "q", onCreate+keyFilter("middle", "x"))), 400, "InvalidArgument"},
		{notificationDoc(queue("a", "q", onCreate+keyFilter("prefix", "x", "prefix", "y"))), 400, "InvalidArgument"},
		{notificationDoc(queue("a", "q", onCreate+keyFilter("prefix", strings.Repeat("x", 1025)))), 400, "InvalidArgument"},
		{notificationDoc("<EventBridgeConfiguration/>"), 501, "NotImplemented"},
	} {
		status, _, body := ask(t, "PUT", url+"/bucket?notification", c.doc)
		if status != c.status || !strings.Contains(body, "<Code>"+c.code+"</Code>") {
			t.Errorf("%.200s: %d %s, want %s", c.doc, status, body, c.code)
		}
	}
	if _, _, body := ask(t, "PUT", url+"/bucket?notification", notificationDoc(queue("a", "unknown", onCreate))); !strings.Contains(body, "Unable to validate the following destination configurations") {
		t.Errorf("%s", body)
	}
}
