package s3g_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g"
)

// keys puts one object with its own key as content under each key of a new bucket.
func keys(t *testing.T, store *store, bucket string, keys ...string) {
	t.Helper()
	ctx := client.WithCaller(context.Background(), "thisisakey")
	if _, err := store.CreateBucket(ctx, client.CreateBucketOptions{Volume: "s3test", Bucket: bucket, S3: true}); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		ref := client.KeyRef{BucketRef: client.S3Bucket(bucket), Key: k}
		if _, err := store.PutObject(ctx, ref, strings.NewReader(k), client.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// browse gets a page, checks what every page must have, and returns it.
func browse(t *testing.T, target string, status int) string {
	t.Helper()
	resp, err := http.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s: %s", target, resp.Status)
	}
	h := resp.Header
	if h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	page := string(body)
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)[1]
	sum := sha256.Sum256([]byte(style))
	csp := h.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("policy %q does not let the style in", csp)
	}
	if strings.Contains(page, "<script") || strings.Contains(page, " on") && regexp.MustCompile(`<[^>]* on\w+=`).MatchString(page) || strings.Contains(page, "style=") {
		t.Error("something the policy forbids")
	}
	return page
}

// links are the hrefs of the page, by text.
func links(page string) map[string]string {
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`<a [^>]*?href="([^"]*)"[^>]*>(?:<bdi>)?([^<]*)`).FindAllStringSubmatch(page, -1) {
		out[html.UnescapeString(m[2])] = html.UnescapeString(m[1])
	}
	return out
}

var oddKeys = []string{
	"plain.txt", "with space", "a+b&c=d", "100%", "ünïcode/日本語", "<script>alert(1)</script>", `"quoted" & 'single'`,
	"a//b", "/leading", "//host/x", "dots/../x", "./x", "trailing/", "back\\slash", "q?h#f", "javascript:alert(1)",
}

// TestBrowserLinks follows every folder and downloads every object, by its link.
func TestBrowserLinks(t *testing.T) {
	for _, domain := range []string{"", "s3.example"} {
		t.Run("domain "+domain, func(t *testing.T) {
			store, base := serve(t, func(c *s3g.Config) {
				if domain != "" {
					c.Domains = []string{domain}
				}
			})
			keys(t, store, "bucket1", oddKeys...)
			get := func(path string) (*http.Response, string) {
				req, err := http.NewRequest(http.MethodGet, base+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if domain != "" {
					req.Host = "bucket1." + domain
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				b, _ := io.ReadAll(resp.Body)
				return resp, string(b)
			}
			found := map[string]bool{}
			seen := map[string]bool{}
			start := "/bucket1?browser=true"
			if domain != "" {
				start = "/?browser=true"
			}
			for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
				if seen[queue[0]] {
					continue
				}
				seen[queue[0]] = true
				resp, page := get(queue[0])
				if resp.StatusCode != http.StatusOK {
					t.Fatalf("%s: %s", queue[0], resp.Status)
				}
				for _, m := range regexp.MustCompile(`<a [^>]*?href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
					href := html.UnescapeString(m[1])
					u, err := url.Parse(href)
					switch {
					case strings.HasPrefix(href, "#"):
					case err != nil || u.Host != "" || u.Scheme != "":
						t.Errorf("a link that leaves: %q", href)
					case u.Query().Has("browser"):
						queue = append(queue, href)
					default:
						r, body := get(href)
						found[body] = true
						if d := r.Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment; filename*=UTF-8''") {
							t.Errorf("%q is not a download: %q", href, d)
						}
					}
				}
			}
			for _, k := range oddKeys {
				if !found[k] && k != "trailing/" { // a folder's marker is the folder
					t.Errorf("no way to %q", k)
				}
			}
		})
	}
}

func TestBrowserPage(t *testing.T) {
	store, base := serve(t, nil)
	keys(t, store, "photos", "a/", "a/b/c/d.jpg", "a/b/e.jpg", "a/f.jpg", "x&y", ".", "..")
	root := browse(t, base+"/photos?browser=true", 200)
	for _, want := range []string{"<title>photos/ · Mini Ozone</title>", "1 folder, 3 objects", "x&amp;y", ">3 B<", `title="3 bytes"`, "<time datetime="} {
		if !strings.Contains(root, want) {
			t.Errorf("the bucket's page has no %q", want)
		}
	}
	sub := browse(t, base+"/photos?browser=true&prefix=a%2Fb%2F", 200)
	l := links(sub)
	for text, want := range map[string]string{
		"photos": "/photos?browser=true", "a": "/photos?browser=true&prefix=a%2F", "Parent folder": "/photos?browser=true&prefix=a%2F",
		"c": "/photos?browser=true&prefix=a%2Fb%2Fc%2F", "e.jpg": "/photos/a/b/e.jpg?response-content-disposition=attachment%3B+filename%2A%3DUTF-8%27%27e.jpg",
	} {
		if l[text] != want {
			t.Errorf("link %q is %q, want %q", text, l[text], want)
		}
	}
	if !strings.Contains(sub, `<h1 aria-current="page"><bdi>b</bdi></h1>`) {
		t.Error("the last crumb is not the heading")
	}
	if a := browse(t, base+"/photos?browser=true&prefix=a%2F", 200); strings.Contains(a, "/photos/a/?") {
		t.Error("the folder's marker is listed in it")
	}
	for query, want := range map[string]string{
		"prefix=nothing%2F": "This folder is empty.", "prefix=zz": "No name here begins with “zz”.", "prefix=x&after=zzz": "There is nothing more.",
	} {
		if p := browse(t, base+"/photos?browser=true&"+query, 200); !strings.Contains(p, want) {
			t.Errorf("%s: no %q", query, want)
		}
	}
	keys(t, store, "empty")
	if p := browse(t, base+"/empty?browser=true", 200); !strings.Contains(p, "This bucket is empty.") || !strings.Contains(p, "0 objects") {
		t.Error("the empty bucket does not say so")
	}
}

func TestBrowserPages(t *testing.T) {
	store, base := serve(t, nil)
	var names []string
	for i := range 450 {
		names = append(names, fmt.Sprintf("d/%04d", i))
	}
	keys(t, store, "many", names...)
	next, n, pages := "/many?browser=true&prefix=d%2F", 0, 0
	for ; next != ""; pages++ {
		p := browse(t, base+next, 200)
		n += strings.Count(p, " download>")
		l := links(p)
		if (l["First page"] != "") != (pages > 0) {
			t.Errorf("page %d: first %q", pages, l["First page"])
		}
		next = l["Next page"]
	}
	if n != 450 || pages != 3 {
		t.Errorf("%d objects on %d pages", n, pages)
	}
}

func TestBrowserProblems(t *testing.T) {
	store, base := serve(t, nil)
	p := browse(t, base+"/nosuch?browser=true", 404)
	for _, want := range []string{"There is no bucket nosuch", "aws s3 mb s3://nosuch", "NoSuchBucket"} {
		if !strings.Contains(p, want) {
			t.Errorf("no %q", want)
		}
	}
	keys(t, store, "photos")
	req, _ := http.NewRequest(http.MethodGet, base+"/photos?browser=true", nil)
	req.Header.Set("X-Amz-Expected-Bucket-Owner", "wrong")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 403 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("wrong owner: %s", resp.Status)
	}
	store.Fail(ozerr.New(ozerr.Unavailable, "om is away"))
	if p := browse(t, base+"/photos?browser=true", 503); strings.Contains(p, "om is away") {
		t.Error("our insides are shown")
	}
}
