package s3g

import (
	"reflect"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// Rules that are taken are told again as the same rules, through om and XML.
func FuzzLifecycle(f *testing.F) {
	for _, doc := range []string{
		`<LifecycleConfiguration><Rule><ID>a</ID><Prefix>p</Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`,
		`<LifecycleConfiguration><Rule><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter><Status>Disabled</Status><NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`,
		`<LifecycleConfiguration><Rule><ID>é</ID><Filter/><Status>Enabled</Status><Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration><Transition><Date>2029-01-01</Date><StorageClass>GLACIER_IR</StorageClass></Transition><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`,
		`<LifecycleConfiguration><Rule><Filter><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter><Status>Enabled</Status><NoncurrentVersionTransition><NoncurrentDays>30</NoncurrentDays><StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition></Rule></LifecycleConfiguration>`,
	} {
		f.Add(doc)
	}
	read := func(doc []byte) (*lifecycle.Config, error) {
		x := new(s3xml.LifecycleConfiguration)
		if err := s3xml.Unmarshal(doc, x); err != nil {
			return nil, err
		}
		return lifecycleRules(x)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		c, err := read([]byte(doc))
		if err != nil {
			return
		}
		content, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		kept, err := lifecycle.Decode(content)
		if err != nil {
			t.Fatal(err)
		}
		again, err := read(s3xml.Marshal(lifecycleDocument(kept)))
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
	})
}

func FuzzNotification(f *testing.F) {
	for _, doc := range []string{
		`<NotificationConfiguration/>`,
		`<NotificationConfiguration><QueueConfiguration><Id>a</Id><Queue>arn:ozone:s3:::q</Queue><Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>Suffix</Name><Value>.jpg</Value></FilterRule></S3Key></Filter></QueueConfiguration></NotificationConfiguration>`,
		`<NotificationConfiguration><TopicConfiguration><Topic>arn:aws:sns:r:1:t</Topic><Event>s3:ObjectRemoved:Delete</Event></TopicConfiguration><CloudFunctionConfiguration><CloudFunction>arn:aws:lambda:r:1:f</CloudFunction><Event>s3:ObjectAcl:Put</Event></CloudFunctionConfiguration></NotificationConfiguration>`,
	} {
		f.Add(doc)
	}
	read := func(doc []byte) (*notification.Config, error) {
		x := new(s3xml.NotificationConfiguration)
		if err := s3xml.Unmarshal(doc, x); err != nil {
			return nil, err
		}
		return notificationRules(x)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		c, err := read([]byte(doc))
		if err != nil {
			return
		}
		content, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		kept, err := notification.Decode(content)
		if err != nil {
			t.Fatal(err)
		}
		again, err := read(s3xml.Marshal(notificationDocument(kept)))
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
	})
}
