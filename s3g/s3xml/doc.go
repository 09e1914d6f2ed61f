// Package s3xml is the XML of S3: a struct for every request and response body,
// one encoder and one decoder.
//
// Struct fields stand in AWS's element order and carry encoding/xml tags, which
// our encoder reads too. It differs from encoding/xml in what it does to text:
// like AWS it writes characters that XML 1.0 cannot hold as character references
// (a key "a\x01" is `a&#x1;`), quotes as &quot;, and times in ISO 8601 with
// milliseconds and Z. The decoder accepts bodies with and without the namespace
// and refuses what no S3 request has: document types, deep nesting, huge bodies.
package s3xml

// Namespace is the xmlns of every S3 document.
const Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
