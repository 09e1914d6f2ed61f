package s3g

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
)

func FuzzTagsHeader(f *testing.F) {
	for _, s := range []string{"", "a=1&b=2", "a", "a=1&a=2", "=", "a=%zz", "%D0%BA=v", "aws:x=1", "a=1&", "a==b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		tags, err := tagsFromHeader(http.Header{"X-Amz-Tagging": {raw}})
		if err != nil {
			return
		}
		if len(tags) > maxTags {
			t.Fatalf("%q: %d tags", raw, len(tags))
		}
		for k, v := range tags {
			if err := addTag(map[string]string{}, k, v); err != nil {
				t.Fatalf("%q: %v", raw, err)
			}
		}
	})
}

func FuzzLockHeaders(f *testing.F) {
	f.Add("GOVERNANCE", "2030-01-01T00:00:00Z", "ON")
	f.Add("COMPLIANCE", "2030-01-01T00:00:00.123+02:00", "")
	f.Add("", "", "OFF")
	f.Add("NONE", "tomorrow", "on")
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, mode, until, hold string) {
		hr := httptest.NewRequest("PUT", "/bucket/k", nil)
		hr.Header = http.Header{lockModeHeader: {mode}, lockUntilHeader: {until}, legalHoldHeader: {hold}}
		var p client.Protection
		if headerLock(&request{Request: hr, Start: now}, &p) != nil {
			return
		}
		if p.LegalHold != (hold == holdOn) || (p.Retention == nil) != (mode == "" && until == "") {
			t.Fatalf("%q %q %q: %+v", mode, until, hold, p)
		}
		if p.Retention != nil && (!retentionMode(p.Retention.Mode) || !p.Retention.Until.After(now)) {
			t.Fatalf("%q %q: %+v", mode, until, p.Retention)
		}
	})
}

func FuzzAttributes(f *testing.F) {
	f.Add("ETag, ObjectSize", "1000", "3")
	f.Add("", "-1", "x")
	f.Add("Checksum,,ObjectParts", "", "")
	parts := make([]client.Part, 9)
	for i := range parts {
		parts[i] = client.Part{Number: 2*i + 1, Checksums: []client.Checksum{{Algorithm: "CRC32", Value: "v"}}}
	}
	f.Fuzz(func(t *testing.T, list, limit, marker string) {
		h := http.Header{"X-Amz-Object-Attributes": {list}, "X-Amz-Max-Parts": {limit}, "X-Amz-Part-Number-Marker": {marker}}
		if wanted, err := wantedAttributes(h); err == nil && len(wanted) == 0 {
			t.Fatalf("%q asks for nothing", list)
		}
		p := partsPage(h)
		doc := p.of(&client.Object{Parts: parts})
		if len(doc.Parts) > p.limit || doc.PartsCount != len(parts) || *doc.NextPartNumberMarker < p.after ||
			*doc.IsTruncated != (p.after < 17 && *doc.NextPartNumberMarker != 17) {
			t.Fatalf("%+v: %+v", p, doc)
		}
	})
}

func FuzzVersionID(f *testing.F) {
	for _, s := range []string{"", "null", "NULL", "00000000000000000000000000000000", "0123456789abcdef0123456789abcde\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if checkVersion(id) == nil && id != nullVersion && (len(id) != versionLength || !headerText(id) || urlName(id) != id) {
			t.Fatalf("%q", id)
		}
	})
}
