package container_test

import (
	"errors"

	"pgregory.net/rapid"

	"github.com/mini-ozone/mini-ozone/datanode/container"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
)

// crashedNow says whether the planned power loss has happened.
func (m *model) crashedNow() bool {
	m.crashMu.Lock()
	defer m.crashMu.Unlock()
	return m.crashed != nil
}

// of returns the blocks of one container.
func of(c uint64, from map[name][]byte) map[name][]byte {
	out := map[name][]byte{}
	for n, data := range from {
		if n.container == c {
			out[n] = data
		}
	}
	return out
}

// repair reconciles a container: some blocks that are here are read or replaced, blocks
// that aren't are brought, and so are deleted ones, in vain. Where nothing is, a replica
// is made. It may be given up at the end.
func (m *model) repair() {
	c := rapid.Uint64Range(1, 4).Draw(m.t, "container")
	var r *container.Repair
	_, err := m.step(func() (err error) { r, err = m.set.Repair(ctx, c, unbounded); return err })
	if r == nil {
		m.noError("repair", err)
		return
	}
	missing := r.Missing()
	got, err := m.bring(r, c)
	m.noError("a block of a repair", err)
	if err != nil || rapid.IntRange(0, 3).Draw(m.t, "give up") == 0 {
		r.Abort()
		if !missing {
			m.perhaps(got)
		}
		return
	}
	acked, err := m.step(func() error { return r.Finish(ctx) })
	m.noError("the end of a repair", err)
	if !acked {
		m.perhaps(got)
		if missing {
			m.closing[c] = true
		}
		return
	}
	for n, data := range got {
		m.live[n] = data
		delete(m.maybe, n)
	}
	if missing {
		m.closed[c] = true
		for n := range m.dead { // the memory of deletions went with the replica
			if n.container == c {
				delete(m.dead, n)
			}
		}
	}
}

// noError fails the test for an error that no power loss explains.
func (m *model) noError(what string, err error) {
	if err != nil && !m.crashedNow() {
		m.t.Fatalf("%s: %v", what, err)
	}
}

// perhaps notes blocks of which nobody knows whether they are there.
func (m *model) perhaps(got map[name][]byte) {
	for n, data := range got {
		if _, known := m.live[n]; !known {
			m.maybe[n] = data
		}
	}
}

func (m *model) bring(r *container.Repair, c uint64) (got map[name][]byte, err error) {
	got = map[name][]byte{}
	put := func(n name, data []byte) error {
		_, err := m.step(func() error { return r.Put(ctx, stored(n.local, data), source(data)) })
		return err
	}
	if n, ok := m.pick(of(c, m.live)); ok && !r.Missing() {
		if rapid.Bool().Draw(m.t, "replace") {
			err = put(n, m.live[n])
		} else {
			_, err = m.step(func() error { return r.Verify(ctx, n.local) })
		}
	}
	for n := range m.dead {
		if n.container == c && !r.Missing() && err == nil {
			err = put(n, []byte("must not come back"))
			break
		}
	}
	for range 2 {
		if err != nil {
			break
		}
		n := name{c, m.next}
		m.next++
		data := bytesFor(n.local, rapid.SampledFrom([]int{0, 100, 5000, unit + 7, 5 * unit}).Draw(m.t, "size"))
		got[n] = data
		err = put(n, data)
	}
	return got, err
}

// compact rewrites every closed container that has anything dead in it.
func (m *model) compact() {
	_, err := m.step(func() error { _, err := compactAll(m.set); return err })
	m.noError("compaction", err)
}

// deleteContainer removes a replica with all that is in it.
func (m *model) deleteContainer() {
	c := rapid.Uint64Range(1, 4).Draw(m.t, "container")
	there := reportOf(m.set, c) != nil
	acked, err := m.step(func() error { return m.set.DeleteContainer(ctx, c) })
	m.noError("removing a container", err)
	for n := range of(c, m.open) {
		delete(m.open, n)
	}
	for n := range of(c, m.live) {
		if acked {
			delete(m.live, n)
		} else {
			m.dying[n] = true
		}
	}
	if acked {
		for n := range of(c, m.maybe) {
			delete(m.maybe, n)
		}
		delete(m.draining, c)
	}
	switch {
	case there && acked:
		m.closed[c] = true // to writers
	case there:
		m.closing[c] = true
	}
}

// aside puts a block into quarantine and perhaps takes it out again. It can be read all
// the time.
func (m *model) aside() {
	n, ok := m.pick(m.live)
	if !ok {
		return
	}
	for _, in := range []bool{true, false} {
		var r *container.Repair
		_, err := m.step(func() (err error) { r, err = m.set.Repair(ctx, n.container, unbounded); return err })
		m.noError("repair", err)
		if r == nil {
			return
		}
		if r.Missing() {
			m.t.Fatalf("the container of %v is not there", n)
		}
		r.Quarantine(n.local, in)
		acked, err := m.step(func() error { return r.Finish(ctx) })
		m.noError("quarantine", err)
		if !acked {
			return
		}
		if _, counts := m.list()[n]; counts == in {
			m.t.Fatalf("%v in quarantine: %t, live: %t", n, in, counts)
		}
		m.same(n, m.live[n])
		if rapid.Bool().Draw(m.t, "leave it there") {
			return
		}
	}
}

// there says whether a block can be read.
func (m *model) there(n name) bool {
	_, err := verified(m.set, n.id(), 0, 0, 0)
	return !errors.Is(err, ozerr.BlockNotFound) && !errors.Is(err, ozerr.ContainerNotFound)
}
