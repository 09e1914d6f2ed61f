package s3g

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// level is what a request addresses.
type level int

const (
	service level = iota // /
	bucket               // /bucket
	object               // /bucket/key
)

// row is one line of the route table: an S3 operation, how it is recognised and
// who answers it.
type row struct {
	level  level
	method string
	// sub is the query parameter that selects the operation, "" for the plain
	// verb. A request that carries any parameter used as a sub anywhere in the
	// table can only match a row with that sub: an operation we don't have never
	// falls through to the plain verb.
	sub string
	// copy: the row is for requests with (true) or without x-amz-copy-source.
	// Rows of the methods other than PUT leave it false.
	copy   bool
	op     string   // AWS's name of the operation: metrics, logs, 501
	params []string // query parameters the operation takes besides sub and the common ones
	// action is what bucket policies call the operation, and what the one
	// authorisation point decides on. With a version id, "s3:GetObject" and its like
	// mean "s3:GetObjectVersion" and its like.
	action string
	handle handler // nil: 501 NotImplemented
	// asks: the handler asks for authorisation itself, for each thing that it does.
	asks bool
	// open: nobody is asked who they are before handle: a preflight, which browsers
	// send without credentials, and forms, which bring their own.
	open bool

	metrics *opMetrics
}

// Query parameters of the operations that have many.
var (
	// Either version ignores what only the other knows, as AWS does; metadata is
	// what minio-go adds for MinIO.
	listParams = []string{"prefix", "delimiter", "marker", "max-keys", "encoding-type", "start-after", "continuation-token",
		"fetch-owner", "allow-unordered", "metadata"}
	uploadParams = []string{"prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"}
	getParams    = []string{"versionId", "partNumber", "response-content-type", "response-content-language", "response-expires",
		"response-cache-control", "response-content-disposition", "response-content-encoding"}
	versionsParams = []string{"prefix", "delimiter", "key-marker", "version-id-marker", "max-keys", "encoding-type", "metadata"}
	versionParam   = []string{"versionId"}
	idParam        = []string{"id", "continuation-token"}
)

// routes is the route table: every operation of AWS S3's API, the ones we have
// first. The frequent ones lead because the router goes through it in order.
func routes() []row {
	return slices.Concat(implemented(), versionRoutes(), ruleRoutes(), accessRows(), absentRoutes(), notImplementedBucket(), notImplementedObject())
}

func implemented() []row {
	return []row{
		{level: object, method: "GET", op: "GetObject", params: getParams, action: "s3:GetObject", handle: (*gateway).getObject},
		{level: object, method: "HEAD", op: "HeadObject", params: getParams, action: "s3:GetObject", handle: (*gateway).headObject},
		{level: object, method: "PUT", op: "PutObject", action: "s3:PutObject", handle: (*gateway).putObject},
		{level: object, method: "DELETE", op: "DeleteObject", params: versionParam, action: "s3:DeleteObject", handle: (*gateway).deleteObject},
		{level: object, method: "PUT", sub: "uploadId", op: "UploadPart", params: []string{"partNumber"}, action: "s3:PutObject", handle: (*gateway).uploadPart},
		{level: object, method: "PUT", sub: "uploadId", copy: true, op: "UploadPartCopy", params: []string{"partNumber"}, action: "s3:PutObject", handle: (*gateway).uploadPartCopy},
		{level: object, method: "PUT", copy: true, op: "CopyObject", action: "s3:PutObject", handle: (*gateway).copyObject},
		{level: object, method: "POST", sub: "uploads", op: "CreateMultipartUpload", action: "s3:PutObject", handle: (*gateway).createMultipartUpload},
		{level: object, method: "POST", sub: "uploadId", op: "CompleteMultipartUpload", action: "s3:PutObject", handle: (*gateway).completeMultipartUpload},
		{level: object, method: "DELETE", sub: "uploadId", op: "AbortMultipartUpload", action: "s3:AbortMultipartUpload", handle: (*gateway).abortMultipartUpload},
		{level: object, method: "GET", sub: "uploadId", op: "ListParts", params: []string{"max-parts", "part-number-marker", "encoding-type"}, action: "s3:ListMultipartUploadParts", handle: (*gateway).listParts},
		{level: object, method: "GET", sub: "tagging", op: "GetObjectTagging", params: versionParam, action: "s3:GetObjectTagging", handle: (*gateway).getObjectTagging},
		{level: object, method: "PUT", sub: "tagging", op: "PutObjectTagging", params: versionParam, action: "s3:PutObjectTagging", asks: true, handle: (*gateway).putObjectTagging},
		{level: object, method: "DELETE", sub: "tagging", op: "DeleteObjectTagging", params: versionParam, action: "s3:DeleteObjectTagging", handle: (*gateway).deleteObjectTagging},

		{level: bucket, method: "GET", op: "ListObjects", params: listParams, action: "s3:ListBucket", handle: (*gateway).listObjects},
		{level: bucket, method: "GET", sub: "list-type", op: "ListObjectsV2", params: listParams, action: "s3:ListBucket", handle: (*gateway).listObjectsV2},
		{level: bucket, method: "HEAD", op: "HeadBucket", action: "s3:ListBucket", handle: (*gateway).headBucket},
		{level: bucket, method: "PUT", op: "CreateBucket", action: "s3:CreateBucket", handle: (*gateway).createBucket},
		{level: bucket, method: "DELETE", op: "DeleteBucket", action: "s3:DeleteBucket", handle: (*gateway).deleteBucket},
		{level: bucket, method: "GET", sub: "location", op: "GetBucketLocation", action: "s3:GetBucketLocation", handle: (*gateway).getBucketLocation},
		{level: bucket, method: "POST", sub: "delete", op: "DeleteObjects", action: "s3:DeleteObject", asks: true, handle: (*gateway).deleteObjects},
		{level: bucket, method: "GET", sub: "uploads", op: "ListMultipartUploads", params: uploadParams, action: "s3:ListBucketMultipartUploads", handle: (*gateway).listMultipartUploads},
		{level: bucket, method: "GET", sub: "browser", op: "BrowseBucket", params: []string{"prefix", "after"}, action: "s3:ListBucket", asks: true, handle: (*gateway).browseBucket},
		{level: bucket, method: "POST", op: "PostObject", action: "s3:PutObject", open: true, asks: true, handle: (*gateway).postObject},
		{level: bucket, method: "GET", sub: "encryption", op: "GetBucketEncryption", action: "s3:GetEncryptionConfiguration", handle: (*gateway).getBucketEncryption},
		{level: bucket, method: "PUT", sub: "encryption", op: "PutBucketEncryption", action: "s3:PutEncryptionConfiguration", handle: (*gateway).putBucketEncryption},
		{level: bucket, method: "DELETE", sub: "encryption", op: "DeleteBucketEncryption", action: "s3:PutEncryptionConfiguration", handle: (*gateway).deleteBucketEncryption},
		{level: bucket, method: "GET", sub: "cors", op: "GetBucketCors", action: "s3:GetBucketCORS", handle: (*gateway).getBucketCors},
		{level: bucket, method: "PUT", sub: "cors", op: "PutBucketCors", action: "s3:PutBucketCORS", handle: (*gateway).putBucketCors},
		{level: bucket, method: "DELETE", sub: "cors", op: "DeleteBucketCors", action: "s3:PutBucketCORS", handle: (*gateway).deleteBucketCors},

		{level: service, method: "GET", op: "ListBuckets", params: []string{"max-buckets", "continuation-token", "prefix", "bucket-region"}, action: "s3:ListAllMyBuckets", handle: (*gateway).listBuckets},

		{level: object, method: "OPTIONS", op: "CORSPreflight", open: true, asks: true, handle: (*gateway).preflight},
		{level: bucket, method: "OPTIONS", op: "CORSPreflight", open: true, asks: true, handle: (*gateway).preflight},
		{level: service, method: "OPTIONS", op: "CORSPreflight", open: true, asks: true, handle: (*gateway).preflight},
	}
}

// versionRoutes are the operations on versions, locks and the tags of buckets.
func versionRoutes() []row {
	return []row{
		{level: bucket, method: "GET", sub: "versions", op: "ListObjectVersions", params: versionsParams, action: "s3:ListBucketVersions", handle: (*gateway).listObjectVersions},
		{level: bucket, method: "GET", sub: "versioning", op: "GetBucketVersioning", action: "s3:GetBucketVersioning", handle: (*gateway).getBucketVersioning},
		{level: bucket, method: "PUT", sub: "versioning", op: "PutBucketVersioning", action: "s3:PutBucketVersioning", handle: (*gateway).putBucketVersioning},
		{level: bucket, method: "GET", sub: "object-lock", op: "GetObjectLockConfiguration", action: "s3:GetBucketObjectLockConfiguration", handle: (*gateway).getObjectLockConfiguration},
		{level: bucket, method: "PUT", sub: "object-lock", op: "PutObjectLockConfiguration", action: "s3:PutBucketObjectLockConfiguration", handle: (*gateway).putObjectLockConfiguration},
		{level: bucket, method: "GET", sub: "tagging", op: "GetBucketTagging", action: "s3:GetBucketTagging", handle: (*gateway).getBucketTagging},
		{level: bucket, method: "PUT", sub: "tagging", op: "PutBucketTagging", action: "s3:PutBucketTagging", handle: (*gateway).putBucketTagging},
		{level: bucket, method: "DELETE", sub: "tagging", op: "DeleteBucketTagging", action: "s3:PutBucketTagging", handle: (*gateway).deleteBucketTagging},

		{level: object, method: "GET", sub: "attributes", op: "GetObjectAttributes", params: versionParam, action: "s3:GetObjectAttributes", handle: (*gateway).getObjectAttributes},
		{level: object, method: "GET", sub: "retention", op: "GetObjectRetention", params: versionParam, action: "s3:GetObjectRetention", handle: (*gateway).getObjectRetention},
		{level: object, method: "PUT", sub: "retention", op: "PutObjectRetention", params: versionParam, action: "s3:PutObjectRetention", asks: true, handle: (*gateway).putObjectRetention},
		{level: object, method: "GET", sub: "legal-hold", op: "GetObjectLegalHold", params: versionParam, action: "s3:GetObjectLegalHold", handle: (*gateway).getObjectLegalHold},
		{level: object, method: "PUT", sub: "legal-hold", op: "PutObjectLegalHold", params: versionParam, action: "s3:PutObjectLegalHold", asks: true, handle: (*gateway).putObjectLegalHold},
	}
}

// ruleRoutes are the operations on what om does by itself for a bucket.
func ruleRoutes() []row {
	return []row{
		{level: bucket, method: "GET", sub: "lifecycle", op: "GetBucketLifecycleConfiguration", action: "s3:GetLifecycleConfiguration", handle: (*gateway).getBucketLifecycle},
		{level: bucket, method: "PUT", sub: "lifecycle", op: "PutBucketLifecycleConfiguration", action: "s3:PutLifecycleConfiguration", handle: (*gateway).putBucketLifecycle},
		{level: bucket, method: "DELETE", sub: "lifecycle", op: "DeleteBucketLifecycleConfiguration", action: "s3:PutLifecycleConfiguration", handle: (*gateway).deleteBucketLifecycle},
		{level: bucket, method: "GET", sub: "notification", op: "GetBucketNotificationConfiguration", action: "s3:GetBucketNotification", handle: (*gateway).getBucketNotification},
		{level: bucket, method: "PUT", sub: "notification", op: "PutBucketNotificationConfiguration", action: "s3:PutBucketNotification", handle: (*gateway).putBucketNotification},
	}
}

// notImplementedBucket are the bucket operations of AWS that answer 501.
func notImplementedBucket() []row {
	var rows []row
	add := func(method, sub, op string, params ...string) {
		rows = append(rows, row{level: bucket, method: method, sub: sub, op: op, params: params})
	}
	for _, c := range []struct{ sub, noun, verbs string }{
		{"abac", "BucketAbac", "GET PUT"},
		{"accelerate", "BucketAccelerateConfiguration", "PUT"},
		{"analytics", "BucketAnalyticsConfiguration", "GET PUT DELETE"},
		{"intelligent-tiering", "BucketIntelligentTieringConfiguration", "GET PUT DELETE"},
		{"inventory", "BucketInventoryConfiguration", "GET PUT DELETE"},
		{"logging", "BucketLogging", "PUT"},
		{"metadataConfiguration", "BucketMetadataConfiguration", "GET DELETE"},
		{"metadataTable", "BucketMetadataTableConfiguration", "GET DELETE"},
		{"metrics", "BucketMetricsConfiguration", "GET PUT DELETE"},
		{"replication", "BucketReplication", "PUT"},
		{"requestPayment", "BucketRequestPayment", "PUT"},
		{"website", "BucketWebsite", "PUT"},
	} {
		for _, method := range strings.Fields(c.verbs) {
			add(method, c.sub, method[:1]+strings.ToLower(method[1:])+c.noun, idParam...)
		}
	}
	add("GET", "session", "CreateSession")
	add("POST", "metadataConfiguration", "CreateBucketMetadataConfiguration")
	add("POST", "metadataTable", "CreateBucketMetadataTableConfiguration")
	add("PUT", "metadataInventoryTable", "UpdateBucketMetadataInventoryTableConfiguration")
	add("PUT", "metadataJournalTable", "UpdateBucketMetadataJournalTableConfiguration")
	return rows
}

// notImplementedObject are the object operations of AWS that answer 501.
func notImplementedObject() []row {
	var rows []row
	add := func(method, sub, op string, params ...string) {
		rows = append(rows, row{level: object, method: method, sub: sub, op: op, params: params})
	}
	add("PUT", "encryption", "UpdateObjectEncryption", "versionId")
	add("GET", "torrent", "GetObjectTorrent")
	add("POST", "restore", "RestoreObject", "versionId")
	add("POST", "select", "SelectObjectContent", "select-type")
	add("PUT", "renameObject", "RenameObject")
	rows = append(rows,
		row{level: service, method: "GET", sub: "max-directory-buckets", op: "ListDirectoryBuckets", params: []string{"continuation-token"}})
	return rows
}

// selectors are all names used as a sub, at any level.
func selectors(rows []row) map[string]bool {
	set := map[string]bool{}
	for _, r := range rows {
		if r.sub != "" {
			set[r.sub] = true
		}
	}
	return set
}

// target is what the router looks at, besides the method.
type target struct {
	level level
	sub   string
	copy  bool
}

func (r *row) matches(t target) bool {
	return r.level == t.level && r.sub == t.sub && r.copy == t.copy
}

// newRouter puts the table into a mux router: one route for each row. The path
// has been parsed before (target.go), once and from its escaped form, since S3
// keys are opaque: mux must neither clean nor decode it.
func (g *gateway) newRouter() *mux.Router {
	m := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for i := range g.rows {
		row := &g.rows[i]
		match := func(r *http.Request, _ *mux.RouteMatch) bool { return row.matches(requestOf(r.Context()).target) }
		m.NewRoute().Name(row.op).MatcherFunc(match).Methods(row.method).Handler(row.serve(g))
	}
	m.MethodNotAllowedHandler = g.respond(func(*request) error { return s3err.MethodNotAllowed })
	m.NotFoundHandler = g.respond(g.noSuchRow)
	return m
}

// noSuchRow is the answer where no row has the level and sub-resource of r, whatever the
// method.
func (g *gateway) noSuchRow(r *request) error {
	ofBuckets := func(row row) bool { return row.level == bucket && row.sub == r.target.sub && row.handle != nil }
	if r.target.level == object && slices.ContainsFunc(g.rows, ofBuckets) {
		return s3err.InvalidRequest.Withf("There is no such thing as the ?%s sub-resource for a key", r.target.sub)
	}
	return notImplemented(r.Method + " " + r.target.sub)
}

type requestKey struct{}

// requestOf is the request that front put into ctx.
func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// notImplemented is the answer to an operation that we know and don't have.
func notImplemented(op string) error {
	return s3err.NotImplemented.Withf("The operation %s is not implemented.", op)
}
