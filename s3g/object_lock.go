package s3g

import (
	"errors"
	"net/http"
	"time"

	"github.com/mini-ozone/mini-ozone/client"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/s3g/payload"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// Retention modes. GOVERNANCE can be bypassed by who may, COMPLIANCE by nobody.
const (
	governance = "GOVERNANCE"
	compliance = "COMPLIANCE"
)

// lockTime is how lock dates are written.
const lockTime = "2006-01-02T15:04:05.000Z"

// getObjectLockConfiguration answers GET ?object-lock.
func (g *gateway) getObjectLockConfiguration(w http.ResponseWriter, r *request) error {
	b, err := g.buckets.GetBucket(r.Context(), r.bucketRef(), r.expectedOwner())
	if err != nil {
		return err
	}
	if b.ObjectLock == nil {
		return s3err.ObjectLockConfigurationNotFound.WithField("BucketName", r.Bucket)
	}
	doc := &s3xml.ObjectLockConfiguration{ObjectLockEnabled: "Enabled"}
	if l := b.ObjectLock; l.Mode != "" {
		d := &s3xml.DefaultRetention{Mode: l.Mode}
		if l.Years > 0 {
			d.Years = &l.Years
		} else {
			d.Days = &l.Days
		}
		doc.Rule = &s3xml.ObjectLockRule{DefaultRetention: d}
	}
	return writeXML(w, doc)
}

// putObjectLockConfiguration answers PUT ?object-lock. It turns the lock on, for good,
// and says how new versions are locked; without a rule they are not.
func (g *gateway) putObjectLockConfiguration(w http.ResponseWriter, r *request) error {
	lock, err := readObjectLock(r)
	if err != nil {
		return err
	}
	_, err = g.buckets.SetBucket(r.Context(), r.bucketRef(), client.BucketChange{ObjectLock: lock}, r.expectedOwner())
	if errors.Is(err, ozerr.InvalidBucketState) {
		return s3err.InvalidBucketState.With("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration").Wrap(err)
	}
	if err != nil {
		return err
	}
	return writeEmpty(w)
}

// readObjectLock reads and checks the document of a bucket's lock.
func readObjectLock(r *request) (*client.ObjectLock, error) {
	doc := new(s3xml.ObjectLockConfiguration)
	if err := readDigested(r, doc); err != nil {
		return nil, err
	}
	switch {
	case doc.ObjectLockEnabled != "Enabled":
		return nil, s3err.MalformedXML
	case doc.Rule == nil:
		return new(client.ObjectLock), nil
	case doc.Rule.DefaultRetention == nil:
		return nil, s3err.MalformedXML
	}
	d := doc.Rule.DefaultRetention
	if !retentionMode(d.Mode) || (d.Days == nil) == (d.Years == nil) {
		return nil, s3err.MalformedXML
	}
	if d.Days != nil {
		return &client.ObjectLock{Mode: d.Mode, Days: *d.Days}, checkPeriod("Days", *d.Days, maxLockDays)
	}
	return &client.ObjectLock{Mode: d.Mode, Years: *d.Years}, checkPeriod("Years", *d.Years, maxLockYears)
}

// The longest default retention.
const (
	maxLockDays  = 36500
	maxLockYears = 100
)

func checkPeriod(unit string, n, most int) error {
	switch {
	case n < 1:
		return s3err.InvalidArgument.With("Default retention period must be a positive integer value.").WithField("ArgumentName", unit)
	case n > most:
		return s3err.InvalidArgument.Withf("Default retention period too large, the maximum is %d.", most).WithField("ArgumentName", unit)
	}
	return nil
}

func retentionMode(s string) bool { return s == governance || s == compliance }

// readDigested is readXML for the operations that want a digest of their document.
func readDigested(r *request, v any) error {
	if !payload.HasDigest(r.Header) {
		return s3err.InvalidRequest.With("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	return readXML(r, v)
}

// lookupLocked is lookup for the operations that make sense only where versions can be
// locked. That they can't goes before all else, as in om.
func (g *gateway) lookupLocked(r *request) (client.Object, error) {
	o, missing := g.lookup(r)
	b := o.Bucket
	if missing != nil {
		var err error
		if b, err = g.bucketOf(r); err != nil {
			return o, err
		}
	}
	if b.ObjectLock == nil {
		return o, s3err.NoObjectLock
	}
	return o, missing
}

// getObjectRetention answers GET ?retention.
func (g *gateway) getObjectRetention(w http.ResponseWriter, r *request) error {
	o, err := g.lookupLocked(r)
	if err != nil {
		return err
	}
	if o.Retention == nil {
		return s3err.NoSuchObjectLockConfiguration.WithField("Key", r.Key)
	}
	return writeXML(w, &s3xml.Retention{Mode: o.Retention.Mode, RetainUntilDate: o.Retention.Until.UTC().Format(lockTime)})
}

// putObjectRetention answers PUT ?retention. An empty document takes the retention away.
// Whether what is there may be loosened is om's decision.
func (g *gateway) putObjectRetention(w http.ResponseWriter, r *request) error {
	retention, err := readRetention(r)
	change := client.LockChange{Retention: retention, BypassGovernance: g.mayBypass(r, r.keyRef())}
	return g.setLock(w, r, change, err)
}

func readRetention(r *request) (*client.Retention, error) {
	doc := new(s3xml.Retention)
	if err := readDigested(r, doc); err != nil {
		return nil, err
	}
	if doc.Mode == "" && doc.RetainUntilDate == "" {
		return new(client.Retention), nil
	}
	until, err := time.Parse(time.RFC3339, doc.RetainUntilDate)
	if err != nil || !retentionMode(doc.Mode) {
		return nil, s3err.MalformedXML
	}
	if !until.After(r.Start) {
		return nil, s3err.Argument("RetainUntilDate", doc.RetainUntilDate, "The retain until date must be in the future!")
	}
	return &client.Retention{Mode: doc.Mode, Until: until}, nil
}

// getObjectLegalHold answers GET ?legal-hold.
func (g *gateway) getObjectLegalHold(w http.ResponseWriter, r *request) error {
	o, err := g.lookupLocked(r)
	if err != nil {
		return err
	}
	status := legalHold(&o)
	if status == "" {
		return s3err.NoSuchObjectLockConfiguration.WithField("Key", r.Key)
	}
	return writeXML(w, &s3xml.LegalHold{Status: status})
}

// putObjectLegalHold answers PUT ?legal-hold.
func (g *gateway) putObjectLegalHold(w http.ResponseWriter, r *request) error {
	doc := new(s3xml.LegalHold)
	err := readDigested(r, doc)
	if err == nil && doc.Status != holdOn && doc.Status != holdOff {
		err = s3err.MalformedXML
	}
	return g.setLock(w, r, client.LockChange{LegalHold: doc.Status == holdOn}, err)
}

// setLock changes a lock. Policies can ask for what the document says, so it was read
// before; what is wrong with it, invalid, only those are told who may.
func (g *gateway) setLock(w http.ResponseWriter, r *request, change client.LockChange, invalid error) error {
	r.lock = &change
	if err := g.allow(r, r.row.action, r.keyRef()); err != nil {
		return err
	}
	if invalid != nil {
		return invalid
	}
	if _, err := g.objects.SetObjectLock(r.Context(), r.keyRef(), change, r.expectedOwner()); err != nil {
		return g.changeError(r, err)
	}
	return writeEmpty(w)
}
