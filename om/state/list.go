package state

import (
	"strings"

	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// listKeys walks the bucket in byte order and seeks over each common prefix, so a
// page costs what it returns and not what lies below its prefixes.
func (c *call) listKeys(r *ompb.ListKeys) (*ompb.Response, error) {
	b, err := c.bucket(r.Ref, r.ExpectedOwner)
	if err != nil {
		return nil, err
	}
	list, limit := &ompb.KeyList{}, page(r.Limit)
	it := table.Keys.Iter(c.tx, table.ObjectKey(b.Id, r.Prefix))
	defer it.Close()
	seek := func(key []byte) bool { return key != nil && it.Seek(key) }
	for ok := seek(firstAfter(b.Id, r)); ok; {
		key := table.Keys.Name(it)
		if len(list.Keys)+len(list.CommonPrefixes) == limit {
			list.Truncated = true
			break
		}
		if common, is := commonPrefix(key, r.Prefix, r.Delimiter); is {
			list.CommonPrefixes = append(list.CommonPrefixes, common)
			list.Next = common
			ok = seek(table.After(table.ObjectKey(b.Id, common)))
			continue
		}
		list.Keys = append(list.Keys, table.Keys.DecodeHead(it))
		list.Next = key
		ok = it.Next()
	}
	if !list.Truncated {
		list.Next = ""
	}
	return &ompb.Response{Result: &ompb.Response_Keys{Keys: list}}, nil
}

// firstAfter is where a listing starts; nil: nowhere, all is before `after`.
func firstAfter(bucket uint64, r *ompb.ListKeys) []byte {
	if r.After == "" {
		return table.ObjectKey(bucket, "")
	}
	if common, is := commonPrefix(r.After, r.Prefix, r.Delimiter); is && common == r.After {
		return table.After(table.ObjectKey(bucket, common))
	}
	return table.ObjectKey(bucket, r.After+"\x00")
}

// commonPrefix returns name up to and with the first delimiter behind prefix, if
// it has one.
func commonPrefix(name, prefix, delimiter string) (string, bool) {
	if delimiter == "" || !strings.HasPrefix(name, prefix) {
		return "", false
	}
	at := strings.Index(name[len(prefix):], delimiter)
	if at < 0 {
		return "", false
	}
	return name[:len(prefix)+at+len(delimiter)], true
}
