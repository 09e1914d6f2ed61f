package s3g

import (
	"errors"
	"strings"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/identity"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/access"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// The one authorisation point. perform asks it once for each request; a handler asks
// again for each other thing that its operation reads or does. In open mode everything
// is allowed and nothing is looked up. What is looked up here is what the handler goes
// on with, so that the decision is about the very version that is read.

// found is an object as authorisation saw it, or the error in its place.
type found struct {
	object client.Object
	err    error
}

// authorize decides on the operation of r's row. A row without an action is denied, as
// a mistake of ours must be; one whose operation we don't have is anybody's who signed.
func (g *gateway) authorize(r *request) error {
	if !g.cfg.Secure || r.row.asks {
		return nil
	}
	if r.row.action == "" {
		return g.decided(r, &access.Question{Caller: client.Caller(r.Context())}, access.Decision{Reason: "the operation has no action"})
	}
	if err := g.allow(r, r.row.action, r.keyRef()); err != nil {
		return g.deniedBucket(r, err)
	}
	if r.row.op == "GetObjectAttributes" { // takes both
		return g.allow(r, "s3:GetObject", r.keyRef())
	}
	return g.allowHeaders(r)
}

// allowWrite decides on a PUT of an object, headers and all.
func (g *gateway) allowWrite(r *request) error {
	if !g.cfg.Secure {
		return nil
	}
	if err := g.allow(r, r.row.action, r.keyRef()); err != nil {
		return err
	}
	return g.allowHeaders(r)
}

// deniedBucket tells where the bucket is, as AWS does: goofys asks unsigned, and goes on
// signed when it gets that.
func (g *gateway) deniedBucket(r *request, err error) error {
	var e *s3err.Error
	if r.row.op == "HeadBucket" && r.bucket != nil && errors.As(err, &e) {
		return e.WithHeader("X-Amz-Bucket-Region", g.region(*r.bucket))
	}
	return err
}

// allow decides on an action on r's bucket, or on a key of it. The error is AccessDenied,
// or why the decision could not be made. The object that r addresses is looked up once.
func (g *gateway) allow(r *request, action string, ref client.KeyRef) error {
	if !g.cfg.Secure {
		return nil
	}
	if r.row.level == service || action == "s3:CreateBucket" {
		q := &access.Question{Caller: client.Caller(r.Context()), Action: action, Bucket: access.Bucket{Name: r.Bucket}}
		return g.decided(r, q, q.Decide())
	}
	if access.NeedsObject(action) && r.found == nil {
		o, err := g.objects.GetObject(r.Context(), ref, r.expectedOwner())
		if err != nil && !absent(err) {
			return err
		}
		r.found = &found{o, err}
		if o.Bucket.ID != 0 {
			r.bucket = &o.Bucket
		}
	}
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	var o *client.Object
	switch {
	case access.NeedsUpload(action):
		up, err := g.uploads.GetUpload(r.Context(), r.uploadRef())
		if err != nil && !errors.Is(err, ozerr.NoSuchUpload) {
			return err
		}
		if err == nil {
			o = &client.Object{Key: up.Key, Owner: up.Owner, Bucket: client.Bucket{Owner: b.Owner}}
		}
	case r.found != nil && r.found.err == nil:
		o = &r.found.object
	}
	return g.ask(r, action, b, ref, o)
}

// absent says whether err of GetObject is that there is no such object or version.
func absent(err error) bool {
	return errors.Is(err, ozerr.KeyNotFound) || errors.Is(err, ozerr.VersionNotFound)
}

// allowHeaders decides on what the headers of a writer add to its own action. They are
// about an object that will be the caller's.
func (g *gateway) allowHeaders(r *request) error {
	switch r.row.op {
	case "PutObject", "CopyObject", "CreateMultipartUpload", "PostObject":
	default:
		return nil
	}
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	var actions []string
	if asksACL(r.Header) && b.ObjectOwnership != access.BucketOwnerEnforced { // which has none: the handler's to say
		actions = append(actions, "s3:PutObjectAcl")
	}
	for _, h := range [...]struct{ header, action string }{
		{"X-Amz-Tagging", "s3:PutObjectTagging"},
		{lockModeHeader, "s3:PutObjectRetention"},
		{legalHoldHeader, "s3:PutObjectLegalHold"},
	} {
		if r.Header.Get(h.header) != "" {
			actions = append(actions, h.action)
		}
	}
	for _, action := range actions {
		q := g.question(r, action, b, r.keyRef(), &client.Object{Key: r.Key, Owner: r.callerName(), Bucket: b})
		q.Object.Own = true
		if err := g.answer(r, b, q); err != nil {
			return err
		}
	}
	return nil
}

// allowSource decides whether the caller may read o, the source of a copy, or know that
// it is missing; with tags, also those, and give them to the copy. missing is the error of looking it up.
func (g *gateway) allowSource(r *request, src client.KeyRef, o *client.Object, missing error, tags bool) error {
	if !g.cfg.Secure || missing != nil && !absent(missing) {
		return nil
	}
	b := o.Bucket
	if missing != nil {
		var err error
		if b, err = g.buckets.GetBucket(r.Context(), src.BucketRef, ""); err != nil {
			return sourceError(src, r, err)
		}
		return g.ask(r, "s3:GetObject", b, src, nil)
	}
	if err := g.ask(r, "s3:GetObject", b, src, o); err != nil {
		return err
	}
	if !tags || len(o.Meta.Tags) == 0 {
		return nil
	}
	if err := g.ask(r, "s3:GetObjectTagging", b, src, o); err != nil {
		return err
	}
	return g.allowCopiedTags(r, o.Meta.Tags)
}

// allowCopiedTags decides on the tags that a copy takes over from its source, as if its
// writer had named them.
func (g *gateway) allowCopiedTags(r *request, tags map[string]string) error {
	b, err := g.bucketOf(r)
	if err != nil {
		return err
	}
	r.tags = tags
	for _, action := range [...]string{"s3:PutObject", "s3:PutObjectTagging"} {
		if err := g.ask(r, action, b, r.keyRef(), &client.Object{Key: r.Key, Owner: r.callerName(), Bucket: b}); err != nil {
			return err
		}
	}
	return nil
}

// ask puts the question about o, nil for an object that is not there.
func (g *gateway) ask(r *request, action string, b client.Bucket, ref client.KeyRef, o *client.Object) error {
	return g.answer(r, b, g.question(r, action, b, ref, o))
}

// question is the one of ask, as yet without b's policy. An action on a key that is named
// with a version has its own name.
func (g *gateway) question(r *request, action string, b client.Bucket, ref client.KeyRef, o *client.Object) *access.Question {
	if ref.VersionID != "" {
		action = access.WithVersion(action)
	}
	q := &access.Question{
		Caller: client.Caller(r.Context()), Action: action, Key: ref.Key, Bucket: accessBucket(b),
	}
	keys := &conditionKeys{r: r, ref: ref, object: o}
	switch r.row.op {
	case "UploadPart", "UploadPartCopy", "CompleteMultipartUpload":
		keys.upload = func() (client.Upload, error) { return g.uploads.GetUpload(r.Context(), r.uploadRef()) }
	}
	q.Keys = keys
	if o != nil {
		q.Object = &access.Object{Owner: objectOwner(o), Grants: grantsOf(o.ACL), HasACL: o.ACL != nil}
	}
	return q
}

func (g *gateway) answer(r *request, b client.Bucket, q *access.Question) error {
	var err error
	if q.Bucket.Policy, _, err = g.policies.of(r.Context(), b); err != nil {
		return err
	}
	return g.decided(r, q, q.Decide())
}

func accessBucket(b client.Bucket) access.Bucket {
	q := access.Bucket{
		Name: b.Name, Owner: b.Owner, Grants: grantsOf(b.ACL), HasACL: b.ACL != nil, Ownership: b.ObjectOwnership,
	}
	if p := b.PublicAccessBlock; p != nil {
		q.IgnorePublicACLs, q.RestrictPublicBuckets = p.IgnorePublicACLs, p.RestrictPublicBuckets
	}
	return q
}

// verdict is a decision, for the audit log.
type verdict struct {
	action, resource string
	access.Decision
}

// decided notes the decision for the audit log: the first of the request, or the first
// that denies something.
func (g *gateway) decided(r *request, q *access.Question, d access.Decision) error {
	if r.verdict == nil || r.verdict.Allowed && !d.Allowed {
		r.verdict = &verdict{q.Action, q.Resource(), d}
	}
	if !d.Allowed {
		return s3err.AccessDenied
	}
	return nil
}

// audit writes the line of a request in secure mode: who, what, and why it was allowed
// or denied.
func (g *gateway) audit(w *writer, r *request) {
	if !g.cfg.Secure || r.row != nil && r.row.open && r.verdict == nil {
		return
	}
	v := r.verdict
	if v == nil { // it did not come to a decision
		v = &verdict{resource: r.Bucket}
		if r.Key != "" {
			v.resource += "/" + r.Key
		}
		if r.err != nil {
			v.Reason = translate(r, r.err).Code
		}
	}
	user := client.Caller(r.Context())
	if user == "" {
		user = identity.Anonymous
	}
	decision := "denied"
	if v.Allowed {
		decision = "allowed"
	}
	g.log.Info().Str("log", "audit").Str("user", user).Str("op", r.operation()).Str("action", v.action).Str("resource", v.resource).
		Str("decision", decision).Str("reason", v.Reason).Int("status", w.status).Str("remote", r.RemoteAddr).Str("request_id", r.ID).Msg("audit")
}

// mayBypass says whether r asks for locks of mode GOVERNANCE to be disregarded for a
// version of key, and its caller may have that.
func (g *gateway) mayBypass(r *request, ref client.KeyRef) bool {
	if !strings.EqualFold(r.Header.Get("X-Amz-Bypass-Governance-Retention"), "true") {
		return false
	}
	before := r.verdict // who may not bypass is not denied anything yet
	defer func() { r.verdict = before }()
	return g.allow(r, "s3:BypassGovernanceRetention", ref) == nil
}
