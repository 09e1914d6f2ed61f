package integration

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// goldenMake names the release whose data directories TestMakeGolden writes.
//
// Make new ones when the format of anything on disk changes: the raft log and its
// entries, rows of the table, markers, snapshots, container logs, checkpoints, id files. The
// name is the release's, the programs are those in MINI_OZONE_BIN:
//
//	MINI_OZONE_BIN=bin go test ./integration -run TestMakeGolden -golden.make=NAME
//
// Never overwrite or remove one: somebody's disks look like it.
var goldenMake = flag.String("golden.make", "", "write golden data directories of this name")

const (
	goldenDir    = "testdata/golden"
	goldenBucket = "golden"
	// goldenSize is the tar record of a file's length; the archive has it without the
	// zeros at its end, of which logs that were made large in advance have megabytes.
	goldenSize = "MINIOZONE.size"
)

// golden is what an archive promises: the digests of objects, and keys that are gone.
type golden struct {
	Objects map[string]string // path → SHA-256
	Gone    []string
}

// TestGoldenDirectories opens the data directories of every release there was, of a
// cluster that was stopped and of one that was killed: each object is there, what was
// deleted is not, and both stay so with new writes and another start.
func TestGoldenDirectories(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(goldenDir, "*.tar.gz"))
	if err != nil || len(archives) < 4 {
		t.Fatalf("archives %q, %v", archives, err)
	}
	for _, a := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(a), ".tar.gz"), func(t *testing.T) {
			dir := t.TempDir()
			want := unpackGolden(t, a, dir)
			c := Start(t, goldenOptions(t, dir))
			s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: requestTimeout}}
			defer s3.http.CloseIdleConnections()
			want.check(t, s3)
			name, body := "/"+goldenBucket+"/new", []byte("written by a later release")
			if err := s3.eventually(t.Context(), func() (int, error) { return s3.put(name, body) }); err != nil {
				t.Fatal(err)
			}
			want.Objects[name] = digest(body)
			killAll(t, c)
			want.check(t, s3)
		})
	}
}

func goldenOptions(t *testing.T, dir string) Options {
	return Options{Bin: programs(t), Dir: dir, Datanodes: 1, Conf: map[string]string{
		"ozone.scm.block.size": "2MB", "ozone.scm.container.size": "4MB",
		"ozone.om.block.deleting.grace": "0s", "ozone.block.deleting.service.interval": "200ms",
	}}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (g *golden) check(t *testing.T, s3 *plainS3) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(g.Objects)) {
		var body []byte
		err := s3.eventually(t.Context(), func() (status int, err error) {
			status, body, err = s3.get(name)
			return status, err
		})
		if err != nil || digest(body) != g.Objects[name] {
			t.Errorf("%s: %d bytes that are not those stored, %v", name, len(body), err)
		}
	}
	for _, name := range g.Gone {
		if status, _, err := s3.get(name); err != nil || status != http.StatusNotFound {
			t.Errorf("%s was deleted: status %d, %v", name, status, err)
		}
	}
}

// TestMakeGolden writes golden data directories: see goldenMake.
func TestMakeGolden(t *testing.T) {
	if *goldenMake == "" {
		t.Skip("no -golden.make")
	}
	for _, how := range []string{"stopped", "killed"} {
		archive := filepath.Join(goldenDir, *goldenMake+"-"+how+".tar.gz")
		if _, err := os.Stat(archive); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%s is there, or cannot be made: %v", archive, err)
		}
		dir := t.TempDir()
		c := Start(t, goldenOptions(t, dir))
		s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: requestTimeout}}
		g := makeGolden(t, s3)
		s3.http.CloseIdleConnections()
		for _, p := range c.All() {
			if how == "killed" {
				p.Kill()
			} else if err := p.Stop(); err != nil {
				t.Fatal(err)
			}
		}
		packGolden(t, archive, dir, g)
	}
}

// makeGolden stores objects of all kinds of layout, overwrites and deletes some.
func makeGolden(t *testing.T, s3 *plainS3) *golden {
	t.Helper()
	g := &golden{Objects: map[string]string{}}
	must := func(what string, do func() (int, error)) {
		t.Helper()
		if err := s3.eventually(t.Context(), do); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	must("bucket", func() (int, error) { return s3.put("/"+goldenBucket, nil) })
	put := func(name string, body []byte) {
		t.Helper()
		must(name, func() (int, error) { return s3.put(name, body) })
		g.Objects[name] = digest(body)
	}
	name := func(parts ...any) string { return "/" + goldenBucket + "/" + fmt.Sprint(parts...) }
	for _, n := range []int{0, 1, 4096, 262_144, 262_145, 1 << 20, 5 << 20} { // 5 MiB: three blocks, closed containers
		put(name("size/", n), goldenBytes(n))
	}
	for i := range 45 {
		put(name("small/", i), goldenBytes(i*37))
	}
	for i := 0; i < 45; i += 3 {
		put(name("small/", i), goldenBytes(i*41+5))
	}
	for i := 1; i < 45; i += 3 {
		gone := name("small/", i)
		must(gone, func() (int, error) { return s3.remove(gone) })
		delete(g.Objects, gone)
		g.Gone = append(g.Gone, gone)
	}
	upload, body := name("upload"), goldenBytes(5<<20+777)
	id, err := s3.createUpload(upload)
	if err != nil {
		t.Fatal(err)
	}
	var etags []string
	for i, part := range [][]byte{body[:5<<20], body[5<<20:]} {
		etag, err := s3.putPart(upload, id, i+1, part)
		if err != nil {
			t.Fatal(err)
		}
		etags = append(etags, etag)
	}
	must(upload, func() (int, error) { return s3.complete(upload, id, etags) })
	g.Objects[upload] = digest(body)
	time.Sleep(3 * time.Second) // the generator lets deletions reach the datanode and logs fall silent
	return g
}

// goldenBytes are n bytes that pack well and yet differ everywhere.
func goldenBytes(n int) []byte {
	b := make([]byte, 0, n+16)
	for i := 0; len(b) < n; i++ {
		b = append(strconv.AppendInt(b, int64(n), 36), byte(i), byte(i>>8), byte(i>>16))
		b = append(b, bytes.Repeat([]byte{'.'}, 1+min(200_000, n/30))...)
	}
	return b[:n]
}

func packGolden(t *testing.T, archive, dir string, g *golden) {
	t.Helper()
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(zip)
	add := func(name string, b []byte) error {
		used := bytes.TrimRight(b, "\x00")
		h := &tar.Header{Name: name, Mode: 0o640, Size: int64(len(used)), Format: tar.FormatPAX,
			PAXRecords: map[string]string{goldenSize: strconv.Itoa(len(b))}}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write(used)
		return err
	}
	promise, err := json.MarshalIndent(g, "", " ")
	if err == nil {
		err = add("golden.json", promise)
	}
	for _, root := range []string{"om", "datanode0"} {
		if err != nil {
			break
		}
		err = filepath.WalkDir(filepath.Join(dir, root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return add(filepath.ToSlash(rel), b)
		})
	}
	if err := errors.Join(err, w.Close(), zip.Close(), os.MkdirAll(goldenDir, 0o750), os.WriteFile(archive, packed.Bytes(), 0o640)); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes", archive, packed.Len())
}

func unpackGolden(t *testing.T, archive, dir string) *golden {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	g := new(golden)
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return g
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err == nil && h.Name == "golden.json" {
			err = json.Unmarshal(b, g)
		} else if err == nil {
			err = unpackFile(filepath.Join(dir, filepath.FromSlash(h.Name)), b, h.PAXRecords[goldenSize])
		}
		if err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
	}
}

// unpackFile writes b and makes the file as long as it was.
func unpackFile(path string, b []byte, size string) error {
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, b, 0o640), os.Truncate(path, n))
}
