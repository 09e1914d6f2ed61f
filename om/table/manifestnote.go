package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
)

// badger takes a MANIFEST that was cut for one whose last change was torn, and goes on
// without the tables that the lost part names. So a Barrier notes how far it reached: it
// only grows, and when badger writes it anew, which is rare, its first change is another.
//
// The file is magic (8 bytes), length u64, CRC32C u32 of so much of the MANIFEST, the head
// of its first change (length and checksum, 8 bytes), CRC32C u32 of all before.
const (
	noteName  = "MANIFEST.NOTE"
	noteMagic = "OZMNOTE\x01"
	noteSize  = 8 + 8 + 4 + 8 + 4

	manifestName = "MANIFEST"
	manifestHead = 8 // magic and version, before the first change
	changeHead   = 8 // length u32 and checksum u32 of a change
)

// manifestNote describes the whole changes in a MANIFEST; nil: there are none.
func manifestNote(manifest []byte) []byte {
	end := manifestHead
	for len(manifest)-end >= changeHead {
		next := end + changeHead + int(binary.BigEndian.Uint32(manifest[end:]))
		if next > len(manifest) {
			break
		}
		end = next
	}
	if end == manifestHead {
		return nil
	}
	b := binary.BigEndian.AppendUint64([]byte(noteMagic), uint64(end))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(manifest[:end], castagnoli))
	b = append(b, manifest[manifestHead:manifestHead+changeHead]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// checkManifest holds the MANIFEST against the note; without one there is nothing to say.
func checkManifest(dir string) error {
	note, err := os.ReadFile(filepath.Join(dir, noteName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(note) != noteSize || string(note[:8]) != noteMagic ||
		crc32.Checksum(note[:noteSize-4], castagnoli) != binary.BigEndian.Uint32(note[noteSize-4:]) {
		return fmt.Errorf("%w: bad note of the manifest in %s", ErrCorrupt, dir)
	}
	manifest, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	length := binary.BigEndian.Uint64(note[8:])
	switch {
	case len(manifest) < manifestHead+changeHead:
	case !bytes.Equal(manifest[manifestHead:manifestHead+changeHead], note[20:28]):
		return nil // written anew since
	case uint64(len(manifest)) >= length && crc32.Checksum(manifest[:length], castagnoli) == binary.BigEndian.Uint32(note[16:]):
		return nil
	}
	return fmt.Errorf("%w: the manifest in %s, of %d bytes, is not the one of %d bytes that was made durable", ErrCorrupt, dir, len(manifest), length)
}

// syncFiles makes the logs and the manifest durable, and notes how far that reaches.
func (db *DB) syncFiles() error {
	manifest, err := os.ReadFile(filepath.Join(db.dir, manifestName))
	if err != nil {
		return err
	}
	if err := syncLogs(db.dir, db.sync); err != nil {
		return err
	}
	note := manifestNote(manifest)
	if note == nil || bytes.Equal(note, db.note) {
		return nil
	}
	if err := replaceFile(filepath.Join(db.dir, noteName), note, db.sync); err != nil {
		return err
	}
	db.note = note
	return nil
}
