package om

import (
	"context"
	"errors"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// maxExpired uploads are aborted in one round.
const maxExpired = 1000

// expireUploads aborts uploads that were begun long ago and never completed, as a
// client would.
func (s *Server) expireUploads(ctx context.Context, _ *tenure) error {
	before := time.Now().Add(-s.cfg.UploadExpiry).UnixNano()
	var old []*ompb.AbortUpload
	err := s.node.View(func(tx *table.Txn) (err error) {
		old, err = expiredUploads(ctx, tx, before)
		return err
	})
	if err != nil {
		return err
	}
	for _, u := range old {
		_, err := s.propose(ctx, &ompb.Request{Op: &ompb.Request_AbortUpload{AbortUpload: u}})
		if err != nil && !errors.Is(err, ozerr.NoSuchUpload) {
			return err
		}
		s.log.Info().Str("bucket", u.Ref.Bucket).Str("key", u.Key).Str("upload", u.UploadId).Msg("expired upload aborted")
	}
	return nil
}

func expiredUploads(ctx context.Context, tx *table.Txn, before int64) ([]*ompb.AbortUpload, error) {
	var old []*ompb.AbortUpload
	table.Buckets.Scan(tx, nil, nil, func(_ []byte, b *ompb.BucketInfo) bool {
		for next := (&ompb.ListUploads{}); next != nil && len(old) < maxExpired && ctx.Err() == nil; {
			next.Ref, next.Limit = &ompb.BucketRef{Volume: b.Volume, Bucket: b.Name}, 1000
			list := state.Read(tx, &ompb.Request{Op: &ompb.Request_ListUploads{ListUploads: next}}).GetUploads()
			for _, u := range list.GetUploads() {
				if u.InitiatedNs < before {
					old = append(old, &ompb.AbortUpload{Ref: next.Ref, Key: u.Key, UploadId: u.UploadId})
				}
			}
			if next = nil; list.GetTruncated() {
				next = &ompb.ListUploads{AfterKey: list.NextKey, AfterUploadId: list.NextUploadId}
			}
		}
		return len(old) < maxExpired && ctx.Err() == nil
	})
	return old, errors.Join(ctx.Err(), tx.Err())
}
