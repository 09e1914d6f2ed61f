package s3g

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/rs/zerolog"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/s3g/access"
	"github.com/mini-ozone/mini-ozone/s3g/cors"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/sigv4"
)

// gateway is the S3 API as an http.Handler.
type gateway struct {
	cfg     Config
	buckets Buckets
	objects Objects
	uploads Uploads
	users   Users
	secrets *lookup[string]      // by access key; secure mode
	named   *lookup[client.User] // by name; secure mode
	log     zerolog.Logger
	metrics *metrics
	now     func() time.Time

	rows      []row
	selectors map[string]bool
	router    *mux.Router
	admission *admission
	plain     plainBuckets
	cors      *documents[cors.Rules]
	lifecycle *documents[*lifecycle.Config]
	policies  *documents[*access.Policy]
}

func newGateway(cfg Config, store Store, m *metrics, log zerolog.Logger) *gateway {
	g := &gateway{
		cfg: cfg, buckets: store, objects: store, uploads: store, users: store, log: log, metrics: m, now: time.Now,
		rows:      routes(),
		admission: newAdmission(cfg),
		cors:      newDocuments(client.DocumentCORS, store, cors.Parse),
		lifecycle: newDocuments(client.DocumentLifecycle, store, lifecycle.Decode),
		policies:  newDocuments(client.DocumentPolicy, store, parsePolicy),
	}
	g.secrets = newLookup(func(ctx context.Context, key string) (string, error) { return store.Secret(ctx, key) }, g.now)
	g.named = newLookup(func(ctx context.Context, name string) (client.User, error) {
		return store.GetUser(ctx, client.UserQuery{Name: name})
	}, g.now)
	for i := range g.rows {
		g.rows[i].metrics = m.operation(g.rows[i].op)
	}
	g.selectors = selectors(g.rows)
	g.router = g.newRouter()
	return g
}

// ServeHTTP is the way of every request: id, slot, address, route, answer, log.
func (g *gateway) ServeHTTP(hw http.ResponseWriter, hr *http.Request) {
	r := &request{Request: hr, ID: newRequestID(), Start: g.now()}
	w := newWriter(hw, hr, g.cfg.StallTimeout)
	if trap100(hr) {
		hw.WriteHeader(http.StatusContinue) // before any header is set: they would go with it
	}
	w.standardHeaders(r.ID)
	defer g.finish(w, r)
	place, err := g.admission.enter(hr.Context(), bodySize(hr))
	if err != nil {
		g.metrics.shed.Inc()
		g.reply(w, r, err)
		return
	}
	g.metrics.inFlight.Inc()
	defer g.leave(place)
	r.place = place
	ctx := rpc.WithRequestID(hr.Context(), r.ID)
	r.Request = hr.WithContext(context.WithValue(ctx, requestKey{}, r))
	r.Body = newBody(r.Request, hw, g.cfg, g.admission.pressed)
	err = g.locate(r)
	g.allowOrigin(w, r)
	if err != nil {
		g.reply(w, r, err)
		return
	}
	var m mux.RouteMatch
	g.router.Match(r.Request, &m)
	m.Handler.ServeHTTP(w, r.Request)
}

// serve is the mux handler of a row: authenticate once, check the query, do it.
func (row *row) serve(g *gateway) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r := requestOf(hr.Context())
		r.row = row
		if err := g.perform(w, r); err != nil {
			g.reply(w.(*writer), r, err)
		}
	})
}

func (g *gateway) perform(w http.ResponseWriter, r *request) error {
	if !r.row.open {
		if err := g.authenticate(r); err != nil {
			return err
		}
	}
	if r.row.handle == nil {
		if g.cfg.Secure && r.Auth.Kind == sigv4.Anonymous {
			return s3err.AccessDenied
		}
		return notImplemented(r.row.op)
	}
	if err := r.row.checkParams(r.Query, r.Method); err != nil {
		return err
	}
	if err := g.authorize(r); err != nil {
		return err
	}
	err := r.row.handle(g, w, r)
	if errors.Is(err, ozerr.EncryptionRequired) {
		g.plain.forget(r.Bucket)
	}
	return err
}

// hoist makes headers of the x-amz-* parameters of a presigned URL, where SDKs
// put the headers they want signed, and of the type and MD5 that version 2 signs. A
// header that is there wins. What could not have come as a header is refused: it could
// not be sent back as one.
func hoist(r *request) error {
	for name, values := range r.Query {
		if signatureParam(name) || !sigv4.QueryHeader(r.Auth.Kind, name) {
			continue
		}
		if strings.EqualFold(name, "x-amz-copy-source") { // the route has been chosen without it
			return s3err.NotImplemented.With("x-amz-copy-source as a query parameter is not implemented. Send it as a header.")
		}
		if !headerName(name) || slices.ContainsFunc(values, func(v string) bool { return !headerText(v) }) {
			return s3err.Argument(name, values[0], "Header value cannot be represented.")
		}
		if key := textproto.CanonicalMIMEHeaderKey(name); r.Header[key] == nil {
			r.Header[key] = values
		}
		delete(r.Query, name)
	}
	return nil
}

func signatureParam(name string) bool {
	switch strings.ToLower(name) {
	case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders",
		"x-amz-signature", "x-amz-security-token":
		return true
	}
	return false
}

// respond is the mux handler of the router's own answers: no row fits.
func (g *gateway) respond(why func(r *request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r := requestOf(hr.Context())
		err := g.authenticate(r)
		if err == nil {
			err = why(r)
		}
		g.reply(w.(*writer), r, err)
	})
}

func (g *gateway) leave(p *place) {
	g.metrics.inFlight.Dec()
	p.leave()
}

// finish is deferred: it turns a panic into a 500, counts and logs.
func (g *gateway) finish(w *writer, r *request) {
	broken := false
	if p := recover(); p != nil {
		broken = w.status != 0
		if p != http.ErrAbortHandler { //nolint:errorlint // the value net/http compares
			g.log.Error().Str("request_id", r.ID).Str("op", r.operation()).Interface("panic", p).
				Bytes("stack", debug.Stack()).Msg("handler panicked")
			g.reply(w, r, s3err.InternalError)
		}
	}
	g.record(w, r)
	g.audit(w, r)
	if broken || w.abort {
		panic(http.ErrAbortHandler)
	}
}

// reply writes the answer to a request that failed. When a part of another
// answer has left, the connection is broken instead.
func (g *gateway) reply(w *writer, r *request, err error) {
	r.err = err
	if w.status != 0 {
		w.abort = true
		return
	}
	var told *s3err.Error
	if r.Context().Err() != nil && !errors.As(err, &told) { // the client has gone, that is all that failed
		w.abort = true
		return
	}
	if b, ok := r.Body.(*body); ok {
		b.refused(g.cfg.ReadHeaderTimeout)
	}
	writeError(w, r, err)
}

// newRequestID is 16 hex digits in capitals, as AWS's are. It need not be secret.
func newRequestID() string {
	const digits = "0123456789ABCDEF"
	var id [16]byte
	v := rand.Uint64()
	for i := range id {
		id[i] = digits[v&15]
		v >>= 4
	}
	return string(id[:])
}

// trap100 finds requests that wait for "100 Continue" in vain: net/http ignores
// Expect when the body is empty, and botocore then hangs for 60 s on the next
// request of the connection.
func trap100(r *http.Request) bool {
	return r.ContentLength == 0 && strings.EqualFold(r.Header.Get("Expect"), "100-continue")
}
