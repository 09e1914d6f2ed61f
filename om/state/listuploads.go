package state

import (
	"bytes"
	"encoding/hex"

	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// listUploads is listKeys for open uploads, in order of keys and, of one key, of
// initiation (which upload ids sort by).
func (c *call) listUploads(r *ompb.ListUploads) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	list, limit := &ompb.UploadList{}, page(r.Limit)
	it := table.Uploads.Iter(c.tx, table.AppendEscapedPrefix(table.U64(b.Id), r.Prefix))
	defer it.Close()
	seek := func(key []byte) bool { return key != nil && it.Seek(key) }
	for ok := seek(firstUpload(b.Id, r)); ok; {
		key, id := splitUploadKey(it.Key())
		if len(list.Uploads)+len(list.CommonPrefixes) == limit {
			list.Truncated = true
			break
		}
		if common, is := commonPrefix(key, r.Prefix, r.Delimiter); is {
			list.CommonPrefixes = append(list.CommonPrefixes, common)
			list.NextKey, list.NextUploadId = common, ""
			ok = seek(pastPrefix(b.Id, common))
			continue
		}
		u := &upload{bucket: b, key: key, id: id, info: table.Uploads.Decode(it)}
		list.Uploads = append(list.Uploads, u.full())
		list.NextKey, list.NextUploadId = key, u.info.UploadId
		ok = it.Next()
	}
	if !list.Truncated {
		list.NextKey, list.NextUploadId = "", ""
	}
	return &ompb.Response{Result: &ompb.Response_Uploads{Uploads: list}}, nil
}

// firstUpload is where the listing starts: after that upload of after_key; without an
// upload id after all of them; after a common prefix, behind all keys it stands for.
func firstUpload(bucket uint64, r *ompb.ListUploads) []byte {
	if r.AfterKey == "" {
		return table.U64(bucket)
	}
	if common, is := commonPrefix(r.AfterKey, r.Prefix, r.Delimiter); is && common == r.AfterKey {
		return pastPrefix(bucket, common)
	}
	row := table.UploadKey(bucket, r.AfterKey, nil)
	id, err := hex.DecodeString(r.AfterUploadId)
	if err != nil || len(id) == 0 {
		return table.After(row)
	}
	return append(append(row, id...), 0)
}

func pastPrefix(bucket uint64, prefix string) []byte {
	return table.After(table.AppendEscapedPrefix(table.U64(bucket), prefix))
}

// splitUploadKey takes an upload row's name apart again.
func splitUploadKey(row []byte) (key string, id []byte) {
	at := len(row) - table.UploadIDSize
	return table.Unescape(row[8:at]), bytes.Clone(row[at:])
}
