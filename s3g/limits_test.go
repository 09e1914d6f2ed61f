package s3g_test

import (
	"fmt"
	"strings"
	"testing"
)

// Configurations that no bucket has, and how large a head may be.
func TestAbsentConfigurations(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	for _, tc := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/bucket?website", 404, "NoSuchWebsiteConfiguration"},
		{"PUT", "/bucket?website", 501, "NotImplemented"},
		{"DELETE", "/bucket?website", 204, ""},
		{"GET", "/absent?website", 404, "NoSuchBucket"},
		{"DELETE", "/absent?website", 404, "NoSuchBucket"},
		{"GET", "/bucket?replication", 404, "ReplicationConfigurationNotFoundError"},
		{"PUT", "/bucket?replication", 501, "NotImplemented"},
		{"DELETE", "/bucket?replication", 204, ""},
	} {
		status, _, body := ask(t, tc.method, url+tc.path, "")
		if status != tc.status || tc.code != "" && !strings.Contains(body, "<Code>"+tc.code+"</Code>") {
			t.Errorf("%s %s: %d %s, want %d %s", tc.method, tc.path, status, body, tc.status, tc.code)
		}
	}
	if status, _, body := ask(t, "PUT", url+"/bucket/k", "x", "x-amz-website-redirect-location", "/other"); status != 501 || !strings.Contains(body, "x-amz-website-redirect-location") {
		t.Errorf("a redirect: %d %s", status, body)
	}
}

func TestHeaderLimits(t *testing.T) {
	_, url := serve(t, nil)
	ask(t, "PUT", url+"/bucket", "")
	many := func(n, size int) (h []string) {
		for i := range n {
			h = append(h, fmt.Sprintf("x-amz-meta-%02d", i), strings.Repeat("v", size-2))
		}
		return h
	}
	for _, tc := range []struct {
		name   string
		header []string
		status int
		code   string
	}{
		{"2 KiB of metadata", many(32, 64), 200, ""},
		{"more", append(many(32, 64), "x-amz-meta-m", ""), 400, "MetadataTooLarge"},
		{"8 KiB of headers", []string{"X-Other", strings.Repeat("v", 7<<10)}, 200, ""},
		{"more in all", []string{"X-Other", strings.Repeat("v", 8<<10)}, 400, "RequestHeaderSectionTooLarge"},
		{"in several", append(many(15, 130), "X-One", strings.Repeat("v", 3<<10), "X-Two", strings.Repeat("v", 3<<10)), 400, "RequestHeaderSectionTooLarge"},
	} {
		status, _, body := ask(t, "PUT", url+"/bucket/k", "x", tc.header...)
		if status != tc.status || tc.code != "" && !strings.Contains(body, "<Code>"+tc.code+"</Code>") {
			t.Errorf("%s: %d %s, want %d %s", tc.name, status, body, tc.status, tc.code)
		}
	}
}
