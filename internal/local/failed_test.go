package local

import (
	"errors"
	"sync"
	"testing"
	"time"
)

func TestFailed(t *testing.T) {
	broken := errors.New("broken disk")
	for name, breakIt := range map[string]func(c *Cluster){
		"om": func(c *Cluster) { c.omFailed(broken) },
		"datanode": func(c *Cluster) {
			failed := make(chan error, 1)
			failed <- broken
			c.watch("datanode-9", failed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, Options{DataDir: t.TempDir()})
			select {
			case err := <-c.Failed():
				t.Fatalf("nothing happened yet, but %v", err)
			default:
			}
			var wg sync.WaitGroup
			wg.Go(func() { breakIt(c) })
			select {
			case err := <-c.Failed():
				if !errors.Is(err, broken) {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Error("nobody was told")
			}
			if err := c.Close(); err != nil { // it also lets om's writer go
				t.Error(err)
			}
			wg.Wait()
		})
	}
}
