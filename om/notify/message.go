// Package notify tells the world outside of what changed in buckets: messages in AWS's
// form, and the targets that take them. Who gets which event, and when, is om's business.
package notify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// timeFormat is how events write times.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Record is one event, as
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
// has it.
type Record struct {
	EventVersion      string            `json:"eventVersion"`
	EventSource       string            `json:"eventSource"`
	AWSRegion         string            `json:"awsRegion"`
	EventTime         string            `json:"eventTime"`
	EventName         string            `json:"eventName"`
	UserIdentity      identity          `json:"userIdentity"`
	RequestParameters requestParameters `json:"requestParameters"`
	ResponseElements  responseElements  `json:"responseElements"`
	S3                entity            `json:"s3"`
}

type identity struct {
	PrincipalID string `json:"principalId"`
}

// requestParameters: om does not know the client's address.
type requestParameters struct {
	SourceIPAddress string `json:"sourceIPAddress"`
}

type responseElements struct {
	RequestID string `json:"x-amz-request-id"`
	ID2       string `json:"x-amz-id-2"`
}

type entity struct {
	SchemaVersion   string `json:"s3SchemaVersion"`
	ConfigurationID string `json:"configurationId"`
	Bucket          bucket `json:"bucket"`
	Object          object `json:"object"`
}

type bucket struct {
	Name          string   `json:"name"`
	OwnerIdentity identity `json:"ownerIdentity"`
	ARN           string   `json:"arn"`
}

// object has size and ETag only where there is an object now.
type object struct {
	Key       string  `json:"key"` // as in a query: a space is a plus
	Size      *uint64 `json:"size,omitempty"`
	ETag      string  `json:"eTag,omitempty"`
	VersionID string  `json:"versionId,omitempty"`
	Sequencer string  `json:"sequencer"` // of two events of a key the later one's is greater
}

// NewRecord makes the record of an event; buckets are in that region.
func NewRecord(e *ompb.EventInfo, region string) Record {
	r := Record{
		EventVersion: "2.1", EventSource: "aws:s3", AWSRegion: region,
		EventTime: time.Unix(0, e.TimeNs).UTC().Format(timeFormat), EventName: e.Event,
		UserIdentity:     identity{e.User},
		ResponseElements: responseElements{e.RequestId, e.RequestId},
		S3: entity{
			SchemaVersion: "1.0", ConfigurationID: e.ConfigId,
			Bucket: bucket{Name: e.Bucket, OwnerIdentity: identity{e.BucketOwner}, ARN: "arn:aws:s3:::" + e.Bucket},
			Object: object{
				Key: url.QueryEscape(e.Key), VersionID: e.VersionId, Sequencer: fmt.Sprintf("%016X%08X", e.Index, e.Ordinal),
			},
		},
	}
	switch group, _, _ := strings.Cut(e.Event, ":"); group {
	case "LifecycleExpiration":
		r.EventVersion, r.UserIdentity.PrincipalID = "2.3", "s3.amazonaws.com"
	case "ObjectRemoved":
	case "ObjectCreated":
		r.S3.Object.Size, r.S3.Object.ETag = &e.Size, e.Etag
	default:
		r.EventVersion, r.S3.Object.Size, r.S3.Object.ETag = "2.3", &e.Size, e.Etag
	}
	return r
}

// message is what targets get at once.
type message struct {
	Records []Record `json:"Records"`
}

// testEvent is what AWS sends when a bucket begins to notify.
type testEvent struct {
	Service   string `json:"Service"`
	Event     string `json:"Event"`
	Time      string `json:"Time"`
	Bucket    string `json:"Bucket"`
	RequestID string `json:"RequestId"`
	HostID    string `json:"HostId"`
}

// TestEvent is the message that says that a bucket begins to notify a target.
func TestEvent(name, requestID string, at time.Time) []byte {
	b, _ := json.Marshal(testEvent{ // strings only: no error is possible
		Service: "Amazon S3", Event: "s3:TestEvent", Time: at.UTC().Format(timeFormat), Bucket: name, RequestID: requestID, HostID: requestID,
	})
	return b
}
