package state

import (
	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// MaxForget is how many events one request may forget.
const MaxForget = 1000

// maxNotifications bounds what one change can leave behind; AWS's. The others keep the
// name and the row of an event small: what can't be written stops every om.
const (
	maxNotifications = 100
	maxARN           = 1024 // bytes, as of the id of a rule
	maxRuleEvents    = 100
)

// notified is the notification configuration of the bucket a request is about, read once.
type notified struct {
	bucket uint64
	config *notification.Config
}

// tell leaves an event about k for each target that the bucket's notification document
// names for it: in the entry that changes k, so whoever sees the change will be told.
func (c *call) tell(b *ompb.BucketInfo, event string, k *ompb.KeyInfo) {
	if b.Documents["notification"] == 0 {
		return
	}
	if c.notified.config == nil || c.notified.bucket != b.Id {
		c.notified = notified{b.Id, c.notification(b)}
	}
	for i := range c.notified.config.Rules {
		r := &c.notified.config.Rules[i]
		if r.Wants(event, k.Key) {
			c.putEvent(b, r, event, k)
		}
	}
}

func (c *call) notification(b *ompb.BucketInfo) *notification.Config {
	content := table.Documents.Get(c.tx, table.DocumentKey(b.Id, "notification")).GetContent()
	config, err := notification.Decode(content)
	if err != nil { // setDocument lets no such one in
		return &notification.Config{}
	}
	return config
}

func (c *call) putEvent(b *ompb.BucketInfo, r *notification.Rule, event string, k *ompb.KeyInfo) {
	e := &ompb.EventInfo{
		Index: c.index, Ordinal: c.tx.Ordinal(c.index), Target: notification.Target(r.ARN), ConfigId: r.ID, Event: event,
		Volume: b.Volume, Bucket: b.Name, BucketId: b.Id, BucketOwner: b.Owner,
		Key: k.Key, Size: k.Size, Etag: k.Etag, VersionId: k.VersionId, TimeNs: c.now(), User: c.req.User, RequestId: short(c.req.RequestId),
	}
	if b.Versioning != "" && e.VersionId == "" {
		e.VersionId = "null"
	}
	table.Events.Put(c.tx, table.EventKey(e.Target, e.Index, e.Ordinal), e)
	c.charge(eventPrice)
}

// tellDeleted is tell for what a deletion did: r says what, and a rule of the bucket's
// lifecycle may have asked for it.
func (c *call) tellDeleted(b *ompb.BucketInfo, r *ompb.DeleteResult, byRule bool) {
	event := notification.RemovedDelete
	switch {
	case r.MarkerAdded && byRule:
		event = notification.ExpiredMarker
	case r.MarkerAdded:
		event = notification.RemovedMarker
	case !r.Existed:
		return
	case byRule:
		event = notification.ExpiredDelete
	}
	id := r.VersionId
	if id == "null" {
		id = ""
	}
	c.tell(b, event, &ompb.KeyInfo{Key: r.Key, VersionId: id})
}

// checkDocument lets only documents in that Apply and om can read again.
func checkDocument(d *ompb.BucketDocument) error {
	var err error
	switch d.Kind {
	case "notification":
		var c *notification.Config
		if c, err = notification.Decode(d.Content); err == nil {
			err = checkNotification(c)
		}
	case "lifecycle":
		_, err = lifecycle.Decode(d.Content)
	}
	if err != nil {
		return ozerr.Wrap(ozerr.InvalidArgument, err, "the document can't be read")
	}
	return nil
}

func checkNotification(c *notification.Config) error {
	if len(c.Rules) > maxNotifications {
		return ozerr.New(ozerr.InvalidArgument, "%d notification rules, at most %d", len(c.Rules), maxNotifications)
	}
	for i := range c.Rules {
		r := &c.Rules[i]
		if len(r.ID) > maxName || len(r.ARN) > maxARN || len(r.Events) > maxRuleEvents {
			return ozerr.New(ozerr.InvalidArgument, "a notification rule with an id or an ARN that is too long, or too many events")
		}
		if notification.Target(r.ARN) == "" {
			return ozerr.New(ozerr.InvalidArgument, "%.40q is no ARN of a target", r.ARN)
		}
	}
	return nil
}

// forgetEvents removes events that were delivered, or given up.
func (c *call) forgetEvents(r *ompb.ForgetEvents) (*ompb.Response, error) {
	if len(r.Events) > MaxForget {
		return nil, ozerr.New(ozerr.InvalidArgument, "%d events to forget, at most %d", len(r.Events), MaxForget)
	}
	for _, e := range r.Events {
		table.Events.Delete(c.tx, table.EventKey(e.Target, e.Index, e.Ordinal))
	}
	return nil, nil
}

// Events calls f for the events of a target behind (index, ordinal), in the order of the
// changes they tell of, until f returns false.
func Events(tx *table.Txn, target string, index uint64, ordinal uint32, f func(*ompb.EventInfo) bool) {
	from := append(table.EventKey(target, index, ordinal), 0)
	table.Events.Scan(tx, table.EventsKey(target), from, func(_ []byte, e *ompb.EventInfo) bool { return f(e) })
}

// CountEvents counts the events of a target behind (index, ordinal), up to most.
func CountEvents(tx *table.Txn, target string, index uint64, ordinal uint32, most int) (n int) {
	it := table.Events.Iter(tx, table.EventsKey(target))
	defer it.Close()
	from := append(table.EventKey(target, index, ordinal), 0)
	for ok := it.Seek(from); ok && n < most; ok = it.Next() {
		n++
	}
	return n
}

// EventTargets are the targets that there are events of, in byte order.
func EventTargets(tx *table.Txn) []string {
	var out []string
	it := table.Events.Iter(tx, nil)
	defer it.Close()
	for ok := it.Seek(nil); ok; {
		target := table.Events.Decode(it).GetTarget()
		if tx.Err() != nil {
			break
		}
		out = append(out, target)
		ok = it.Seek(table.After(table.EventsKey(target)))
	}
	return out
}
