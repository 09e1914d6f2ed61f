package dirlock

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestOnePerDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	l, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Acquire(dir)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "by process ") {
		t.Errorf("second: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	l, err = Acquire(dir)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire("/proc/nothing"); err == nil || errors.Is(err, ErrInUse) {
		t.Errorf("impossible directory: %v", err)
	}
}

func TestClaim(t *testing.T) {
	parent := t.TempDir()
	const n = 8
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		locks = map[string]*Lock{}
	)
	for range n {
		wg.Go(func() {
			l, err := Claim(parent)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			if locks[filepath.Base(l.Dir)] != nil {
				t.Errorf("%s was given twice", l.Dir)
			}
			locks[filepath.Base(l.Dir)] = l
		})
	}
	wg.Wait()
	for i := range n {
		if locks[fmt.Sprintf("slot-%d", i)] == nil {
			t.Errorf("slot %d was not given", i)
		}
	}
	if err := locks["slot-3"].Release(); err != nil {
		t.Fatal(err)
	}
	l, err := Claim(parent)
	if err != nil || filepath.Base(l.Dir) != "slot-3" {
		t.Fatalf("%v, %v: want the freed one", l, err)
	}
	locks["slot-3"] = l
	for _, l := range locks {
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
}
