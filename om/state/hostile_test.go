package state

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// hostile draws requests that no client of ours would send: fields left out, too long,
// too large, of the wrong kind.
type hostile struct {
	*rapid.T
	texts []string
	bytes [][]byte
}

func newHostile(t *testing.T) *hostile {
	rule := everything(strings.Repeat("q", 70_000))
	rule.ID = "r"
	h := &hostile{
		texts: []string{
			"", "bkt", "new", "k", "k", "other", "a\x00b", "\x00", "null", "*", enabled, suspended, governance, compliance, "ONE", "THREE",
			"CRC32", "CRC64NVME", "SHA256", fullObject, composite, "AAAAAA==", "notification", "lifecycle", "policy", "alice", "q", "FULL_CONTROL",
			"BucketOwnerEnforced", "SSE-S3", "/", strings.Repeat("l", 1024), strings.Repeat("\u00e9", 40_000), strings.Repeat("x", 1<<20),
			strings.Repeat("0", 32), strings.Repeat("f", 32), strings.Repeat("0", 48),
		},
		bytes: [][]byte{nil, {}, {0}, make([]byte, 16), make([]byte, 24), make([]byte, 70_000), make([]byte, 2<<20)},
	}
	for _, rules := range [][]notification.Rule{{everything("q"), everything("p")}, {rule}} {
		content, err := (&notification.Config{Rules: rules}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		h.bytes = append(h.bytes, content)
	}
	return h
}

// spoil replaces some fields of a message.
func (h *hostile) spoil(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if rapid.IntRange(0, 9).Draw(h.T, "spoil") > 0 {
			if f.Message() != nil && !f.IsMap() && !f.IsList() && m.Has(f) {
				h.spoil(m.Mutable(f).Message(), depth)
			}
			continue
		}
		switch {
		case rapid.IntRange(0, 4).Draw(h.T, "absent") == 0:
			m.Clear(f)
		case f.Message() != nil && depth == 0:
		case f.IsMap():
			v := m.NewField(f)
			for range rapid.IntRange(0, 2).Draw(h.T, "entries") {
				v.Map().Set(h.scalar(f.MapKey()).MapKey(), h.scalar(f.MapValue()))
			}
			m.Set(f, v)
		case f.IsList():
			l := m.Mutable(f).List()
			for range rapid.IntRange(0, 3).Draw(h.T, "elements") {
				if f.Message() == nil {
					l.Append(h.scalar(f))
					continue
				}
				e := l.NewElement()
				h.spoil(e.Message(), depth-1)
				l.Append(e)
			}
		case f.Message() != nil:
			h.spoil(m.Mutable(f).Message(), depth-1)
		default:
			m.Set(f, h.scalar(f))
		}
	}
}

// honest draws a request that is mostly right.
func (h *hostile) honest(m *machine, upload string) *ompb.Request {
	next := m.index + 100
	lock := &ompb.SetKeyLock{Ref: ref("bkt"), Key: "k", Change: &ompb.SetKeyLock_LegalHold{LegalHold: true}}
	tags := &ompb.SetKeyTags{Ref: ref("bkt"), Key: "k", Tags: map[string]string{"a": "b"}}
	acl := &ompb.SetKeyACL{Ref: ref("bkt"), Key: "k", Acl: &ompb.ACL{Owner: "alice", Grants: []*ompb.Grant{{Permission: "READ"}}}}
	document := &ompb.SetBucket_Document{Document: &ompb.BucketDocument{Kind: "notification", Content: rapid.SampledFrom(h.bytes[len(h.bytes)-2:]).Draw(h.T, "document")}}
	change := &ompb.SetBucket{}
	h.spoil(change.ProtoReflect(), 4)
	return rapid.SampledFrom([]*ompb.Request{
		commit("bkt", "k", nil, block(next, 10)), commit("bkt", "k", &ompb.Condition{IfMatch: []string{"*"}}),
		copyOf("bkt", "k", "bkt", "k"), copyOf("bkt", "k", "bkt", "other"), rename("bkt", "k", "third"), rename("bkt", "other", "k"),
		remove("bkt", "k", "other", "k"), removeVersion("bkt", "k", nullVersion), createUpload("bkt", "k"), abort("bkt", "k", upload),
		part("bkt", "k", upload, 1, "e", block(next+1, 10)), part("bkt", "k", upload, 1, "e", block(1, 10)),
		complete("bkt", "k", upload, &ompb.Part{Number: 1, Etag: "e"}), createVolume("new"), createBucket("vol", "new", "alice", true),
		deleteBucket(ref("new")), setVersions("bkt", enabled), setVersions("bkt", suspended), setBucket("bkt", change), setBucket("bkt", change),
		setBucket("bkt", &ompb.SetBucket{Change: document}),
		{Op: &ompb.Request_SetKeyLock{SetKeyLock: lock}}, {Op: &ompb.Request_SetKeyTags{SetKeyTags: tags}}, {Op: &ompb.Request_SetKeyAcl{SetKeyAcl: acl}},
		{Op: &ompb.Request_SetUser{SetUser: &ompb.SetUser{Name: "u"}}}, {Op: &ompb.Request_DeleteUser{DeleteUser: &ompb.DeleteUser{Name: "u"}}},
		get("bkt", "k"), listVersions(&ompb.ListVersions{Ref: ref("bkt")}),
	}).Draw(h.T, "request")
}

func (h *hostile) text() string { return rapid.SampledFrom(h.texts).Draw(h.T, "text") }

func (h *hostile) scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	n := rapid.SampledFrom([]uint64{0, 1, 1, 1, 2, 10, 1 << 20, math.MaxInt32, math.MaxUint32, math.MaxInt64, math.MaxUint64}).Draw(h.T, "number")
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n%2 == 1)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(h.text())
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SampledFrom(h.bytes).Draw(h.T, "bytes"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n % 8))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(n)
	}
	h.Fatalf("a field of kind %v", f.Kind())
	return protoreflect.Value{}
}

// TestHostileRequests: whatever a client sends, Apply neither panics nor leaves what can't
// be written: either would happen again at each start of every om.
func TestHostileRequests(t *testing.T) {
	h := newHostile(t)
	op := (&ompb.Request{}).ProtoReflect().Descriptor().Oneofs().ByName("op")
	rapid.Check(t, func(rt *rapid.T) {
		dir, remove := tempDir(rt)
		defer remove()
		db := openDB(rt, dir)
		defer db.Close()
		h.T = rt
		m := newMachine(rt, db)
		m.must(commit("bkt", "k", nil, block(1, 10)))
		upload := m.must(createUpload("bkt", "k")).GetUpload().UploadId
		for range rapid.IntRange(1, 40).Draw(rt, "requests") {
			req := h.honest(m, upload)
			req.User, req.RequestId, req.ClientId, req.Sequence = "alice", "r", "c", m.index
			if rapid.IntRange(0, 9).Draw(rt, "spoil") == 0 {
				req.User, req.RequestId, req.ClientId = h.text(), h.text(), h.text()
			}
			h.spoil(req.ProtoReflect().Mutable(req.ProtoReflect().WhichOneof(op)).Message(), 4)
			m.do(req) // fails if it can't be committed
		}
		m.hash()
	})
}
