package local

import "fmt"

// Failed gets the reason when a server finds that it must not go on: om can't write
// its log, or a datanode may not use its disks. The cluster should then be closed.
// Only the first reason is sent.
func (c *Cluster) Failed() <-chan error { return c.failed }

func (c *Cluster) fail(err error) {
	select {
	case c.failed <- err:
	default: // one reason is enough
	}
}

// omFailed is om's Config.Fatal. It returns only when om is about to be closed: until
// then nothing may be written behind what could not be. While om opens it returns at
// once, or om.Open could not fail.
func (c *Cluster) omFailed(err error) {
	c.fail(fmt.Errorf("om can't go on: %w", err))
	if c.omRuns.Load() {
		<-c.ending
	}
}

// watch passes on what the server called name says of its failure.
func (c *Cluster) watch(name string, failed <-chan error) {
	c.watches.Go(func() {
		select {
		case err := <-failed:
			c.fail(fmt.Errorf("%s can't go on: %w", name, err))
		case <-c.ending:
		}
	})
}
