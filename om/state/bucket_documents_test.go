package state

import (
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// A bucket made with documents has them; with a bad one it isn't made at all.
func TestCreateBucketWithDocuments(t *testing.T) {
	m := testMachine(t)
	create := func(docs ...*ompb.BucketDocument) *ompb.Request {
		req := createBucket("vol", "tagged", "alice", true)
		req.GetCreateBucket().Documents = docs
		return req
	}
	tags := &ompb.BucketDocument{Kind: "tagging", Content: []byte("<Tagging/>")}
	document := &ompb.Request{Op: &ompb.Request_GetBucketDocument{GetBucketDocument: &ompb.GetBucketDocument{Ref: ref("tagged"), Kind: "tagging"}}}
	m.wants(create(tags, &ompb.BucketDocument{Kind: "colour", Content: []byte("blue")}), ozerr.InvalidArgument)
	m.wants(create(&ompb.BucketDocument{Kind: "tagging", Content: []byte(strings.Repeat("x", maxDocument+1))}), ozerr.InvalidArgument)
	m.wants(document, ozerr.BucketNotFound)
	b := m.must(create(tags)).GetBucket()
	if got := m.must(document).GetDocument(); string(got.Content) != "<Tagging/>" || got.Index == 0 || b.Documents["tagging"] != got.Index {
		t.Errorf("%v of %v", got, b)
	}
}
