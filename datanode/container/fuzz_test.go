package container

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/mini-ozone/mini-ozone/datanode/chunk"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

// FuzzParseCheckpoint: what is accepted is what encode writes, and no input makes it
// panic. Inputs come with and without the right checksum, else nothing behind it is
// ever reached.
func FuzzParseCheckpoint(f *testing.F) {
	good := checkpoint{
		FileHeader: chunk.FileHeader{Container: 7, Salt: 9}, covered: chunk.FileHeaderSize, state: dnpb.ContainerState_CLOSED,
		rows: []row{newRow(1, 64, true, 10, 11), {local: 2}},
	}
	for _, seal := range []bool{false, true} {
		f.Add(good.encode(), seal)
		f.Add(good.encode()[:indexHeader], seal)
		f.Add([]byte{}, seal)
	}
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal && len(b) >= indexHeader {
			binary.LittleEndian.PutUint32(b[12:], crc32c.Sum(b[16:]))
		}
		c, err := parseCheckpoint(b)
		if err != nil {
			return
		}
		again, err := parseCheckpoint(c.encode())
		if err != nil || !bytes.Equal(again.encode(), c.encode()) {
			t.Fatalf("accepted, but not when written again: %v", err)
		}
	})
}
