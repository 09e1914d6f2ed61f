// Package sigv4 reads and checks the signatures of S3 requests: AWS Signature
// Version 4 and 2, in the Authorization header and in the query (presigned URLs),
// and the signature chain of aws-chunked bodies.
//
// Parse only reads, and is what open mode uses: it refuses what is malformed or
// expired and believes the rest. Verify, Fresh and ChunkSigner are secure mode.
package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// Kind is how a request is signed.
type Kind int

// The kinds of signature.
const (
	Anonymous Kind = iota
	HeaderV4
	QueryV4 // presigned
	HeaderV2
	QueryV2 // presigned
	FormV4  // a POST form's policy
	FormV2
)

// String names the kind for logs and tests.
func (k Kind) String() string {
	return [...]string{"anonymous", "v4 header", "v4 query", "v2 header", "v2 query", "v4 form", "v2 form"}[k]
}

const (
	algorithm      = "AWS4-HMAC-SHA256"
	algorithmECDSA = "AWS4-ECDSA-P256-SHA256" // SigV4A: read, never verified
	terminator     = "aws4_request"
	longFormat     = "20060102T150405Z"
	shortFormat    = "20060102"

	// unsignedPayload is the hash of a body that the signature says nothing of.
	unsignedPayload = "UNSIGNED-PAYLOAD"

	maxSkew    = 15 * time.Minute
	maxExpires = 7 * 24 * time.Hour
)

// Scope is the credential scope of a version 4 signature.
type Scope struct {
	Date            string // YYYYMMDD
	Region, Service string
}

// String is the scope as it is signed.
func (s Scope) String() string {
	return s.Date + "/" + s.Region + "/" + s.Service + "/" + terminator
}

// Auth is what a request says about who sent it.
type Auth struct {
	Kind          Kind
	AccessKey     string   // "" for Anonymous
	Scope         Scope    // version 4
	SignedHeaders []string // version 4, as listed
	Signature     string
	Date          time.Time     // when it was signed; zero for QueryV2
	Expires       time.Duration // QueryV4: how long it is good for
	Deadline      time.Time     // presigned: when it ends
	PayloadHash   string        // version 4: the hash that was signed
	Asymmetric    bool          // SigV4A, which Verify cannot check

	// HostBucket is set by the caller before Verify when the bucket stands in the
	// host name: version 2 signs it as part of the path.
	HostBucket string
}

// Parse reads the signature of r without checking it. A malformed or expired one
// is an *s3err.Error with AWS's code. A request without any is Anonymous.
func Parse(r *http.Request, now time.Time) (Auth, error) {
	header := r.Header.Get("Authorization")
	query := querySigned(r.URL.RawQuery)
	switch {
	case header != "" && query != Anonymous:
		return Auth{}, s3err.Argument("Authorization", header, "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	case query == QueryV4:
		return parseQueryV4(r, now)
	case query == QueryV2:
		return parseQueryV2(r, now)
	case header == "":
		return Auth{}, nil
	}
	return parseHeader(r, header, now)
}

// querySigned looks for the parameters of presigned URLs without decoding the
// query, which most requests don't need.
func querySigned(raw string) Kind {
	kind := Anonymous
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		name, _, _ := strings.Cut(pair, "=")
		switch name {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature":
			return QueryV4
		case "AWSAccessKeyId", "Signature":
			kind = QueryV2
		}
	}
	return kind
}

// parseHeader understands the Authorization header.
func parseHeader(r *http.Request, header string, now time.Time) (Auth, error) {
	scheme, rest, ok := strings.Cut(header, " ")
	if !ok {
		return Auth{}, s3err.Argument("Authorization", header, "Authorization header is invalid -- one and only one ' ' (space) required")
	}
	switch scheme {
	case algorithm, algorithmECDSA:
		return parseHeaderV4(r, rest, scheme == algorithmECDSA, now)
	case "AWS":
		return parseHeaderV2(r, header, rest)
	}
	return Auth{}, s3err.Argument("Authorization", header, "Unsupported Authorization Type")
}

// malformed is an error in the Authorization header of version 4.
func malformed(format string, args ...any) error {
	return s3err.AuthorizationHeaderMalformed.Withf("The authorization header is malformed; "+format, args...)
}

func parseHeaderV4(r *http.Request, rest string, asymmetric bool, now time.Time) (Auth, error) {
	a := Auth{Kind: HeaderV4, Asymmetric: asymmetric}
	credential, err := a.parseComponents(rest)
	if err != nil {
		return Auth{}, err
	}
	if err := a.parseCredential(credential, malformed); err != nil {
		return Auth{}, err
	}
	if a.AccessKey == "" {
		return Auth{}, s3err.AuthorizationHeaderMalformed
	}
	if a.Date, err = requestDate(r.Header); err != nil {
		return Auth{}, err
	}
	if day := a.Date.Format(shortFormat); day != a.Scope.Date {
		if err := a.Fresh(now); err != nil { // the reason, if it is one
			return Auth{}, err
		}
		return Auth{}, malformed("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", a.Scope.Date, day)
	}
	if a.PayloadHash = r.Header.Get("X-Amz-Content-Sha256"); a.PayloadHash == "" {
		return Auth{}, s3err.InvalidRequest.With("Missing required header for this request: x-amz-content-sha256")
	}
	return a, nil
}

// parseComponents reads `Credential=…, SignedHeaders=…, Signature=…`.
func (a *Auth) parseComponents(rest string) (credential string, err error) {
	for component := range strings.SplitSeq(rest, ",") {
		component = strings.TrimSpace(component)
		name, value, ok := strings.Cut(component, "=")
		switch {
		case !ok:
			return "", malformed("the authorization component %q is malformed.", component)
		case name == "Credential":
			credential = value
		case name == "SignedHeaders":
			a.SignedHeaders = strings.Split(value, ";")
			if value == "" {
				a.SignedHeaders = nil
			}
		case name == "Signature":
			a.Signature = value
		}
	}
	switch {
	case credential == "":
		return "", malformed("missing Credential.")
	case len(a.SignedHeaders) == 0:
		return "", malformed("missing SignedHeaders.")
	case a.Signature == "":
		return "", malformed("missing Signature.")
	}
	return credential, nil
}

// parseCredential reads AKID/YYYYMMDD/REGION/SERVICE/aws4_request. It is read
// from the right, since an access key may be a Kerberos principal with a slash.
func (a *Auth) parseCredential(credential string, bad func(string, ...any) error) error {
	fields := strings.Split(credential, "/")
	want := 5
	if a.Asymmetric { // has its regions in a header
		want = 4
	}
	if len(fields) < want {
		return bad(`the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`)
	}
	head, tail := fields[:len(fields)-want+1], fields[len(fields)-want+1:]
	a.AccessKey = strings.Join(head, "/")
	a.Scope.Date = tail[0]
	if !a.Asymmetric {
		a.Scope.Region = tail[1]
	}
	a.Scope.Service = tail[len(tail)-2]
	if _, err := time.Parse(shortFormat, a.Scope.Date); err != nil {
		return bad(`incorrect date format %q. This date in the credential must be in the format "yyyyMMdd".`, a.Scope.Date)
	}
	switch {
	case tail[len(tail)-1] != terminator:
		return bad(`incorrect terminal %q. This endpoint uses "aws4_request".`, tail[len(tail)-1])
	case a.Scope.Service != "s3":
		return bad(`incorrect service %q. This endpoint belongs to "s3".`, a.Scope.Service)
	case a.Scope.Region == "" && !a.Asymmetric:
		return bad("a non-empty region must be provided in the credential.")
	}
	return nil
}

// badQuery is an error in the parameters of a version 4 presigned URL.
func badQuery(format string, args ...any) error {
	return s3err.AuthorizationQueryParametersError.Withf(format, args...)
}

func badQueryCredential(format string, args ...any) error {
	return badQuery("Error parsing the X-Amz-Credential parameter; "+format, args...)
}

func parseQueryV4(r *http.Request, now time.Time) (Auth, error) {
	q := r.URL.Query()
	for _, name := range [...]string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Expires"} {
		if q.Get(name) == "" {
			return Auth{}, badQuery("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	a := Auth{
		Kind:          QueryV4,
		Signature:     q.Get("X-Amz-Signature"),
		SignedHeaders: strings.Split(q.Get("X-Amz-SignedHeaders"), ";"),
		Asymmetric:    q.Get("X-Amz-Algorithm") == algorithmECDSA,
	}
	if alg := q.Get("X-Amz-Algorithm"); alg != algorithm && !a.Asymmetric {
		return Auth{}, badQuery(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`)
	}
	if err := a.parseCredential(q.Get("X-Amz-Credential"), badQueryCredential); err != nil {
		return Auth{}, err
	}
	if a.AccessKey == "" {
		return Auth{}, badQueryCredential("a non-empty Access Key (AKID) must be provided in the credential.")
	}
	a.PayloadHash = presignedHash(r, a.SignedHeaders, q)
	if err := a.parseLifetime(q, now); err != nil {
		return Auth{}, err
	}
	return a, nil
}

// presignedHash is the payload hash a presigned URL was made with: that of the
// signed header or the parameter, and none in the common case.
func presignedHash(r *http.Request, signed []string, q url.Values) string {
	for _, name := range signed {
		if strings.EqualFold(name, "x-amz-content-sha256") {
			return r.Header.Get(name)
		}
	}
	if v := q.Get("X-Amz-Content-Sha256"); v != "" {
		return v
	}
	return unsignedPayload
}

// parseLifetime reads X-Amz-Date and X-Amz-Expires and compares them with now.
func (a *Auth) parseLifetime(q url.Values, now time.Time) error {
	var err error
	if a.Date, err = time.Parse(longFormat, q.Get("X-Amz-Date")); err != nil {
		return badQuery(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	if day := a.Date.Format(shortFormat); day != a.Scope.Date {
		return badQuery("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", a.Scope.Date, day)
	}
	seconds, err := strconv.ParseInt(q.Get("X-Amz-Expires"), 10, 64)
	switch {
	case err != nil:
		return badQuery("X-Amz-Expires should be a number")
	case seconds < 0:
		return badQuery("X-Amz-Expires must be non-negative")
	case seconds > int64(maxExpires/time.Second):
		return badQuery("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	a.Expires = time.Duration(seconds) * time.Second
	a.Deadline = a.Date.Add(a.Expires)
	switch {
	case a.Date.After(now.Add(maxSkew)):
		return s3err.AccessDenied.With("Request is not valid yet").
			WithField("X-Amz-Date", q.Get("X-Amz-Date")).
			WithField("ServerTime", serverTime(now))
	case seconds == 0 || !now.Before(a.Deadline):
		return expired(a.Deadline, now).WithField("X-Amz-Expires", q.Get("X-Amz-Expires"))
	}
	return nil
}

func expired(deadline, now time.Time) *s3err.Error {
	return s3err.AccessDenied.With("Request has expired").
		WithField("Expires", serverTime(deadline)).
		WithField("ServerTime", serverTime(now))
}

func serverTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
