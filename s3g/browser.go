package s3g

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// browserPageSize is how many names a page of the browser has.
const browserPageSize = 200

//go:embed browser.css
var browserCSS string

//go:embed browser.html
var browserHTML string

var browserTemplate = template.Must(template.New("browser").Parse(browserHTML))

// browserPolicy lets the page have its one style sheet and its form, and nothing
// else: no script ever runs beside the objects.
var browserPolicy = []string{"default-src 'none'; style-src 'sha256-" + browserCSSHash() + "'; img-src data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"}

func browserCSSHash() string {
	sum := sha256.Sum256([]byte(browserCSS))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// browserPage is what the template shows. Hrefs are "" where there is no link.
type browserPage struct {
	CSS           template.CSS
	Title, Bucket string

	Problem *browserProblem // instead of everything below

	Crumbs      []browserLink
	Action      string // of the form
	Prefix      string
	Count       string
	Parent      string
	Folders     []browserLink
	Files       []browserFile
	Empty       string
	First, Next string
}

type browserProblem struct{ Heading, Message, Command, Code string }

type browserLink struct{ Name, Href string }

type browserFile struct {
	browserLink
	Size, Bytes   string
	Modified, ISO string
}

// browseBucket answers GET ?browser=true with a page of one folder, for people.
// So are its errors.
func (g *gateway) browseBucket(w http.ResponseWriter, r *request) error {
	o := client.ListOptions{
		Prefix: r.Query.Get("prefix"), After: r.Query.Get("after"), Delimiter: "/",
		Limit: browserPageSize, ExpectedOwner: r.expectedOwner(),
	}
	var listing client.Listing
	err := g.allow(r, r.row.action, r.keyRef())
	if err == nil {
		listing, err = g.objects.ListObjects(r.Context(), r.bucketRef(), o)
	}
	if err != nil {
		r.err = err
		e := translate(r, err)
		return writePage(w, e.Status, problemPage(r, e))
	}
	b := browser{base: g.browserBase(r), bucket: r.Bucket}
	return writePage(w, http.StatusOK, b.page(o, listing))
}

// writePage renders first and sends then: half a page is no answer.
func writePage(w http.ResponseWriter, status int, p *browserPage) error {
	p.CSS = template.CSS(browserCSS)
	var out bytes.Buffer
	if err := browserTemplate.Execute(&out, p); err != nil {
		return s3err.InternalError.Wrap(err)
	}
	h := w.Header()
	h["Content-Type"] = []string{"text/html; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(out.Len())}
	h["Content-Security-Policy"] = browserPolicy
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Referrer-Policy"] = []string{"no-referrer"}
	h["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(status)
	_, err := w.Write(out.Bytes())
	return err
}

func problemPage(r *request, e *s3err.Error) *browserPage {
	p := &browserPage{Title: e.Code, Problem: &browserProblem{Heading: "This does not work right now", Message: e.Message, Code: e.Code}}
	switch e.Status {
	case http.StatusNotFound:
		p.Problem.Heading = "There is no bucket " + r.Bucket
		p.Problem.Message, p.Problem.Command = "Check the name, or create it:", "aws s3 mb s3://"+r.Bucket
	case http.StatusForbidden:
		p.Problem.Heading = "You may not look into " + r.Bucket
	}
	return p
}

// browserBase is the path of the bucket as the visitor came: "/bucket", or "" if
// the bucket is in the host name.
func (g *gateway) browserBase(r *request) string {
	if virtualBucket(r.Host, g.cfg.Domains) != "" {
		return ""
	}
	return "/" + url.PathEscape(r.Bucket)
}

// browser makes the page of one bucket.
type browser struct{ base, bucket string }

func (b browser) page(o client.ListOptions, l client.Listing) *browserPage {
	folder := o.Prefix[:strings.LastIndexByte(o.Prefix, '/')+1]
	p := &browserPage{
		Title: b.bucket + "/" + o.Prefix + " · Mini Ozone", Bucket: b.bucket,
		Crumbs: b.crumbs(folder), Action: b.base + "/", Prefix: o.Prefix,
	}
	if b.base != "" {
		p.Action = b.base
	}
	if folder != "" {
		p.Parent = b.folder(folder[:strings.LastIndexByte(folder[:len(folder)-1], '/')+1], "")
	}
	for _, prefix := range l.CommonPrefixes {
		p.Folders = append(p.Folders, browserLink{shown(prefix, folder), b.folder(prefix, "")})
	}
	for i := range l.Objects {
		if l.Objects[i].Key != folder || folder == "" { // the folder's own marker
			p.Files = append(p.Files, b.file(&l.Objects[i], folder))
		}
	}
	p.Count = countText(len(p.Folders), len(p.Files), l.Truncated || o.After != "")
	if o.After != "" {
		p.First = b.folder(o.Prefix, "")
	}
	if l.Truncated {
		p.Next = b.folder(o.Prefix, l.Next)
	}
	if len(p.Folders)+len(p.Files) == 0 {
		p.Empty = emptyText(o, folder)
	}
	return p
}

func emptyText(o client.ListOptions, folder string) string {
	switch {
	case o.After != "":
		return "There is nothing more."
	case o.Prefix == "":
		return "This bucket is empty."
	case o.Prefix == folder:
		return "This folder is empty."
	}
	return "No name here begins with “" + o.Prefix[len(folder):] + "”."
}

func countText(folders, files int, partial bool) string {
	var words []string
	if folders > 0 {
		words = append(words, counted(folders, "folder"))
	}
	if files > 0 || folders == 0 {
		words = append(words, counted(files, "object"))
	}
	s := strings.Join(words, ", ")
	if partial {
		s += " on this page"
	}
	return s
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// crumbs are the bucket and the folders down to this one, which is no link.
func (b browser) crumbs(folder string) []browserLink {
	crumbs := []browserLink{{b.bucket, b.folder("", "")}}
	for at := 0; at < len(folder); {
		end := at + strings.IndexByte(folder[at:], '/') + 1
		crumbs = append(crumbs, browserLink{shown(folder[:end], folder[:at]), b.folder(folder[:end], "")})
		at = end
	}
	crumbs[len(crumbs)-1].Href = ""
	return crumbs
}

// shown is the name of a key or prefix inside its folder. A name of nothing but a
// slash, as keys with // have, stays visible.
func shown(name, folder string) string {
	s := strings.TrimPrefix(name, folder)
	if t := strings.TrimSuffix(s, "/"); t != "" {
		return t
	}
	return s
}

// folder is the link to the page of a prefix.
func (b browser) folder(prefix, after string) string {
	q := "?browser=true"
	if prefix != "" {
		q += "&prefix=" + url.QueryEscape(prefix)
	}
	if after != "" {
		q += "&after=" + url.QueryEscape(after)
	}
	if b.base == "" {
		return "/" + q
	}
	return b.base + q
}

func (b browser) file(o *client.Object, folder string) browserFile {
	f := browserFile{
		browserLink: browserLink{Name: strings.TrimPrefix(o.Key, folder)},
		Size:        humanize.IBytes(uint64(max(o.Size, 0))),
		Bytes:       humanize.Comma(o.Size) + " bytes",
		Modified:    o.Modified.UTC().Format("2006-01-02 15:04"),
		ISO:         o.Modified.UTC().Format("2006-01-02T15:04:05Z"),
	}
	if path := keyPath(o.Key); path != "" {
		f.Href = b.base + "/" + path + "?response-content-disposition=" + url.QueryEscape(attachment(o.Key))
	}
	return f
}

// keyPath escapes a key for a link. Browsers fold "." and ".." segments and read
// a leading "//" as a host, so the slashes of such keys are escaped too; a key
// that is nothing but dots cannot be linked at all.
func keyPath(key string) string {
	if key == "." || key == ".." {
		return ""
	}
	escaped := url.PathEscape(key)
	for _, odd := range []string{"//", "/./", "/../"} {
		if strings.Contains("/"+key+"/", odd) {
			return escaped
		}
	}
	return strings.ReplaceAll(escaped, "%2F", "/")
}

// attachment is the Content-Disposition that makes a download of a link: bytes of
// an object are never shown with the gateway's own rights.
func attachment(key string) string {
	name := key[strings.LastIndexByte(strings.TrimSuffix(key, "/"), '/')+1:]
	return "attachment; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(strings.Trim(name, "/")), "+", "%20")
}
