package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/mini-ozone/mini-ozone/ozonetest"
)

// TestPages opens the pages that people see in a real browser, from a phone's width
// to a wide screen: nothing overflows, nothing comes from elsewhere, names that are
// HTML stay text, and a folder and the next page can be clicked.
// MINI_OZONE_SHOTS names a directory for screenshots.
func TestPages(t *testing.T) {
	c := ozonetest.Start(t)
	s3 := &plainS3{endpoint: c.Endpoint(), http: newHTTP(t)}
	mustPut(t, s3, "/pages", nil)
	mustPut(t, s3, "/pages/%3Cscript%3Edocument.title='owned'%3C%2Fscript%3E", []byte("x"))
	mustPut(t, s3, "/pages/folder/"+strings.Repeat("a-long-name-", 20), make([]byte, 3<<20))
	for i := range 250 {
		mustPut(t, s3, fmt.Sprintf("/pages/many/%03d", i), []byte("x"))
	}
	root := c.Endpoint() + "/pages?browser=true"
	ctx := browser(t)
	for _, width := range []int64{360, 800, 1600} {
		for _, url := range []string{root, root + "&prefix=folder/", root + "&prefix=many/", c.Endpoint() + "/nobucket?browser=true"} {
			check(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(url)))
			title := see(t, ctx, chromedp.Title())
			overflow := see(t, ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - window.innerWidth`))
			requests := see(t, ctx, chromedp.Evaluate[int](
				`performance.getEntriesByType("resource").filter(e => !e.name.startsWith(location.origin)).length`))
			if overflow > 0 || requests > 0 || title == "owned" || title == "" {
				t.Errorf("%s at %d px: overflows by %d px, %d foreign requests, title %q", url, width, overflow, requests, title)
			}
			shot(t, ctx, fmt.Sprintf("%d-%s", width, strings.NewReplacer("/", "_", "?", "_", "&", "_").Replace(strings.TrimPrefix(url, c.Endpoint()+"/"))))
		}
	}
	check(t, chromedp.Do(ctx, chromedp.Navigate(root), chromedp.Click(chromedp.CSS(`a[href*="prefix=many"]`)), chromedp.WaitVisible(chromedp.CSS(`a[href*="many/000"]`))))
	text := see(t, ctx, chromedp.Text(chromedp.CSS("body")))
	check(t, chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`a[href*="after="]`)), chromedp.WaitVisible(chromedp.CSS(`a[href*="many/249"]`))))
	more := see(t, ctx, chromedp.Text(chromedp.CSS("body")))
	if !strings.Contains(text, "000") || strings.Contains(text, "249") || !strings.Contains(more, "249") {
		t.Errorf("the first page:\n%s\nthe second page:\n%s", text, more)
	}
}

// browser is a headless chromium that ends with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	check(t, chromedp.Do(ctx))
	return ctx
}

// see is what an action finds on the page.
func see[T any](t *testing.T, ctx context.Context, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, a)
	check(t, err)
	return v
}

// shot keeps a picture of the page when asked to.
func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("MINI_OZONE_SHOTS")
	if dir == "" {
		return
	}
	check(t, os.WriteFile(filepath.Join(dir, name+".png"), see(t, ctx, chromedp.CaptureScreenshot()), 0o644))
}
