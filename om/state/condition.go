package state

import (
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// check decides a condition against the current version (nil: none), by RFC 9110 §13.2.2:
// an etag condition hides the date condition of its kind. If-Match on a missing key is
// KEY_NOT_FOUND, as AWS answers 404 NoSuchKey.
func check(cond *ompb.Condition, cur *ompb.KeyInfo) error {
	if cond == nil {
		return nil
	}
	failed := func(what string) error {
		return ozerr.New(ozerr.PreconditionFailed, "the precondition %s did not hold", what)
	}
	if cur == nil {
		if len(cond.IfMatch) > 0 || cond.IfGeneration != 0 || cond.IfSize != nil || cond.IfModifiedNs != 0 {
			return ozerr.New(ozerr.KeyNotFound, "the key of the condition does not exist")
		}
		return nil
	}
	modified := seconds(cur.ModifiedNs)
	switch {
	case len(cond.IfMatch) > 0 && !matches(cond.IfMatch, cur.Etag):
		return failed("If-Match")
	case len(cond.IfMatch) == 0 && cond.IfUnmodifiedSinceNs != 0 && modified > seconds(cond.IfUnmodifiedSinceNs):
		return failed("If-Unmodified-Since")
	case matches(cond.IfNoneMatch, cur.Etag):
		return failed("If-None-Match")
	case len(cond.IfNoneMatch) == 0 && cond.IfModifiedSinceNs != 0 && modified <= seconds(cond.IfModifiedSinceNs):
		return failed("If-Modified-Since")
	case cond.IfGeneration != 0 && cond.IfGeneration != cur.Generation:
		return failed("generation")
	case cond.IfSize != nil && *cond.IfSize != cur.Size:
		return failed("size")
	case cond.IfModifiedNs != 0 && seconds(cond.IfModifiedNs) != modified:
		return failed("date")
	}
	return nil
}

func matches(etags []string, etag string) bool {
	for _, e := range etags {
		if e == "*" || e == etag {
			return true
		}
	}
	return false
}

// seconds: HTTP dates have no more, so neither has the comparison.
func seconds(ns int64) int64 { return ns / int64(time.Second) }
