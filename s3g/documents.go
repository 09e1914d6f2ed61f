package s3g

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// maxDocuments is how many parsed documents of a kind are kept.
const maxDocuments = 1024

// documents gives the documents of one kind parsed. Each is read and parsed again
// only when the bucket says that it has changed, so what is decided by it is as
// fresh as the bucket.
type documents[T any] struct {
	kind    string
	parse   func([]byte) (T, error)
	buckets Buckets

	mu     sync.Mutex
	parsed map[uint64]parsedDocument[T] // by bucket id
}

type parsedDocument[T any] struct {
	index uint64
	value T
}

func newDocuments[T any](kind string, buckets Buckets, parse func([]byte) (T, error)) *documents[T] {
	return &documents[T]{kind: kind, parse: parse, buckets: buckets, parsed: map[uint64]parsedDocument[T]{}}
}

// of returns the document of b; false if it has none.
func (d *documents[T]) of(ctx context.Context, b client.Bucket) (value T, ok bool, err error) {
	index, ok := b.Documents[d.kind]
	if !ok {
		return value, false, nil
	}
	d.mu.Lock()
	have, ok := d.parsed[b.ID]
	d.mu.Unlock()
	if ok && have.index >= index {
		return have.value, true, nil
	}
	doc, err := d.buckets.GetBucketDocument(ctx, client.BucketRef{Volume: b.Volume, Bucket: b.Name}, d.kind, "")
	if errors.Is(err, ozerr.DocumentNotFound) { // removed since b was read
		return value, false, nil
	}
	if err != nil {
		return value, false, err
	}
	if value, err = d.parse(doc.Content); err != nil {
		return value, false, err
	}
	d.keep(b.ID, parsedDocument[T]{doc.Index, value})
	return value, true, nil
}

func (d *documents[T]) keep(id uint64, p parsedDocument[T]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.parsed[id].index > p.index {
		return
	}
	for other := range d.parsed { // any one goes: a bucket in use comes back with its next request
		if len(d.parsed) < maxDocuments {
			break
		}
		delete(d.parsed, other)
	}
	d.parsed[id] = p
}

// readDocument reads the request's document, verified against the digests in its
// headers; more than limit bytes is MalformedXML.
func readDocument(r *request, limit int64) ([]byte, error) {
	body, err := r.openBody(payload.Options{MaxSize: maxXML})
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	doc, err := io.ReadAll(body)
	switch {
	case err != nil:
		return nil, err
	case int64(len(doc)) > limit:
		return nil, s3err.MalformedXML
	}
	return doc, nil
}

// setDocument makes doc the bucket's document of that kind, nil removes it.
func (g *gateway) setDocument(r *request, kind string, doc []byte) error {
	change := client.BucketChange{Document: &client.Document{Kind: kind, Content: doc}}
	_, err := g.buckets.SetBucket(r.Context(), r.bucketRef(), change, r.expectedOwner())
	return err
}

// writeDocument answers 200 with a document that is stored as XML.
func writeDocument(w http.ResponseWriter, doc []byte) error {
	h := w.Header()
	h["Content-Type"] = xmlType
	h["Content-Length"] = []string{strconv.Itoa(len(doc))}
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(doc)
	return err
}
