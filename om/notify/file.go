package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// file appends a line of JSON for each record to a file. It is opened anew each time,
// so it may be moved away (rotated) at any time.
type file struct{ path string }

func newFile(path string) (Target, error) {
	if !filepath.IsAbs(path) {
		return nil, errors.New("the path of a file must be absolute")
	}
	return &file{path}, nil
}

// Send implements Target.
func (f *file) Send(_ context.Context, records []Record) error {
	var lines []byte
	for i := range records {
		b, err := json.Marshal(&records[i])
		if err != nil {
			return fmt.Errorf("encode event: %w", err)
		}
		lines = append(append(lines, b...), '\n')
	}
	return f.append(lines)
}

// SendRaw implements Target.
func (f *file) SendRaw(_ context.Context, message []byte) error {
	return f.append(append(message[:len(message):len(message)], '\n'))
}

// append writes all lines to stable storage or, as far as the disk lets it, none.
func (f *file) append(lines []byte) (err error) {
	out, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	info, err := out.Stat()
	if err != nil {
		return err
	}
	if _, err = out.Write(lines); err == nil {
		err = out.Sync()
	}
	if err != nil && info.Mode().IsRegular() {
		return errors.Join(err, out.Truncate(info.Size()))
	}
	return err
}

// Close implements Target.
func (*file) Close() {}
