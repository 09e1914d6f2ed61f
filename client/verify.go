package client

import (
	"errors"

	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// usualUnit is the checksum unit of datanodes. A block that is larger has several,
// so their list is asked for at once; if a datanode's unit is another one, the
// answer says so and a second question follows.
const usualUnit = 256 << 10

// unitList are the checksums of all units of a block, proven against the block's
// CRC32C in om.
type unitList struct {
	unit uint64
	sums []uint32
}

// errNeedList: the answer can't be judged without the checksums of the whole block.
var errNeedList = errors.New("the block's checksum list is needed")

// piece is a part of a stored block: the bytes from..to.
type piece struct {
	block    *commonpb.Block
	replicas []*commonpb.Node
	from, to uint64
}

// verify checks a datanode's answer against om's checksum of the block: directly
// where the list of unit checksums is proven already, else by proving the list that
// came. It returns the bytes asked for, which lie in payload, and the proven list.
func (p *piece) verify(resp *dnpb.ReadResponse, payload []byte, known *unitList) ([]byte, *unitList, error) {
	unit, start, end := uint64(resp.GetUnit()), resp.GetPayloadOffset(), resp.GetPayloadOffset()+uint64(len(payload))
	switch {
	case resp.GetBlockLength() != p.block.GetBlockLength():
		return nil, nil, ozerr.New(ozerr.ChecksumMismatch, "the replica has %d bytes, not %d", resp.GetBlockLength(), p.block.GetBlockLength())
	case unit == 0 || start%unit != 0 || start > p.from || end < p.to || end > p.block.GetBlockLength() ||
		end%unit != 0 && end != p.block.GetBlockLength():
		return nil, nil, ozerr.New(ozerr.ChecksumMismatch, "asked for bytes %d to %d, got %d to %d in units of %d", p.from, p.to, start, end, unit)
	}
	if known == nil || known.unit != unit {
		list, err := p.prove(resp)
		if err != nil {
			return nil, nil, err
		}
		known = list
	}
	sums := known.sums[start/unit:]
	for rest := payload; len(rest) > 0; sums = sums[1:] {
		n := min(uint64(len(rest)), unit)
		if crc32c.Sum(rest[:n]) != sums[0] {
			return nil, nil, ozerr.New(ozerr.ChecksumMismatch, "bytes differ from their checksum in the unit %d before the end", len(sums))
		}
		rest = rest[n:]
	}
	return payload[p.from-start : p.to-start], known, nil
}

// prove checks that the list in resp is complete and combines to the block's CRC32C.
func (p *piece) prove(resp *dnpb.ReadResponse) (*unitList, error) {
	unit, length := uint64(resp.GetUnit()), p.block.GetBlockLength()
	sums := resp.GetChecksums()
	switch units := (length + unit - 1) / unit; {
	case uint64(len(sums)) < units:
		return nil, errNeedList
	case uint64(len(sums)) > units:
		return nil, ozerr.New(ozerr.ChecksumMismatch, "%d checksums for %d units", len(sums), units)
	}
	if crc32c.Whole(sums, int64(unit), int64(length)) != p.block.GetCrc32C() {
		return nil, ozerr.New(ozerr.ChecksumMismatch, "the replica's checksums are not those of the block")
	}
	return &unitList{unit: unit, sums: sums}, nil
}

// payloadRoom is how many bytes an answer will have, widened to whole units.
func (p *piece) payloadRoom() int {
	from := p.from / usualUnit * usualUnit
	to := min((p.to+usualUnit-1)/usualUnit*usualUnit, p.block.GetBlockLength())
	return int(to - from)
}
