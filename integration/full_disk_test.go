package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFullDisk fills the disk of om's state, a small tmpfs: writes are refused with 507,
// reads and deletes go on, and it recovers when there is room. Then the disk is filled to
// its last byte and om killed: after a start with room everything acknowledged is there.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	disk := filepath.Join(dir, "om")
	check(t, os.Mkdir(disk, 0o755))
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256m"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	c := Start(t, Options{Bin: programs(t), Dir: dir, Datanodes: 1})
	s3 := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: time.Minute}}
	mustPut(t, s3, "/full", nil)
	acked := map[string]bool{}
	put := func(path string) int {
		status, _, _, err := s3.do(http.MethodPut, path, []byte(path))
		check(t, err)
		if status == http.StatusOK {
			acked[path] = true
		}
		return status
	}
	for i := range 20 {
		if status := put(fmt.Sprintf("/full/before-%d", i)); status != http.StatusOK {
			t.Fatalf("PUT before: %d", status)
		}
	}
	filler := filepath.Join(disk, "filler")
	fill := func(leave int64) {
		t.Helper()
		var st syscall.Statfs_t
		check(t, syscall.Statfs(disk, &st))
		f, err := os.OpenFile(filler, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		check(t, err)
		block := make([]byte, 64<<10)
		for n := int64(st.Bavail)*st.Bsize - leave; n > 0; n -= int64(len(block)) {
			if _, err := f.Write(block[:min(n, int64(len(block)))]); err != nil {
				break // full
			}
		}
		check(t, f.Close())
	}
	until := func(what string, cond func() bool) {
		t.Helper()
		for late := time.Now().Add(time.Minute); !cond(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatal("not in time: " + what)
			}
		}
	}
	fill(8 << 20) // the reserve is a twentieth of 256 MiB
	until("writes are refused", func() bool { return put("/full/refused") == http.StatusInsufficientStorage })
	_, body, _, err := s3.do(http.MethodPut, "/full/refused", []byte("x"))
	check(t, err)
	if !strings.Contains(string(body), "<Code>InsufficientStorage</Code>") {
		t.Errorf("the answer: %s", body)
	}
	if status, body, _, err := s3.do(http.MethodGet, "/full/before-1", nil); err != nil || status != http.StatusOK || string(body) != "/full/before-1" {
		t.Errorf("read: %d %v", status, err)
	}
	if status, _, _, err := s3.do(http.MethodDelete, "/full/before-0", nil); err != nil || status != http.StatusNoContent {
		t.Errorf("delete: %d %v", status, err)
	}
	delete(acked, "/full/before-0")
	check(t, os.Remove(filler))
	until("writes are taken again", func() bool { return put("/full/after") == http.StatusOK })

	fill(0)
	hasty := &plainS3{endpoint: c.Endpoint, http: &http.Client{Timeout: 3 * time.Second}} // om may have ended
	_, _, _, _ = hasty.do(http.MethodPut, "/full/hard", []byte("x"))
	c.OM.Kill()
	check(t, os.Remove(filler))
	check(t, c.OM.Start())
	check(t, c.WaitReady(t.Context()))
	until("writes are taken after the start", func() bool {
		status, _, _, err := s3.do(http.MethodPut, "/full/last", []byte("/full/last"))
		return err == nil && status == http.StatusOK
	})
	for path := range acked {
		if status, body, _, err := s3.do(http.MethodGet, path, nil); err != nil || status != http.StatusOK || string(body) != path {
			t.Errorf("GET %s: %d %q %v", path, status, body, err)
		}
	}
	if status, _, _, err := s3.do(http.MethodGet, "/full/before-0", nil); err != nil || status != http.StatusNotFound {
		t.Errorf("the deleted key: %d %v", status, err)
	}
}
