package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mini-ozone/mini-ozone/client/dnclient"
	"github.com/mini-ozone/mini-ozone/client/omclient"
	"github.com/mini-ozone/mini-ozone/internal/crc32c"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// storage looks behind S3: what om says of each block, and what each datanode has.
type storage struct {
	om    *omclient.Client
	nodes *dnclient.Pool
	oms   int
}

func newStorage(oms []string) (*storage, error) {
	c, err := omclient.New(oms, omclient.Options{})
	if err != nil {
		return nil, err
	}
	return &storage{om: c, nodes: dnclient.NewPool(dnclient.Options{}), oms: len(oms)}, nil
}

func (s *storage) close() error { return errors.Join(s.om.Close(), s.nodes.Close()) }

// copies is what was found of all containers.
type copies struct {
	containers, blocks, replicas int
	bytes                        uint64 // of one replica of each block
	missing                      []string
	bad                          []string
	unreferenced                 []string
	freed                        int // replicas of blocks that om has still to have deleted
}

// complete: every block has all its replicas, and they are right.
func (c *copies) complete() string {
	switch {
	case len(c.bad) > 0:
		return fmt.Sprintf("%d bad replicas, such as %s", len(c.bad), c.bad[0])
	case len(c.missing) > 0:
		return fmt.Sprintf("%d replicas missing, such as %s", len(c.missing), c.missing[0])
	}
	return ""
}

// exact: nothing is stored that is not referenced either.
func (c *copies) exact() string {
	switch {
	case c.complete() != "":
		return c.complete()
	case c.freed > 0:
		return fmt.Sprintf("%d replicas of freed blocks are still to be deleted", c.freed)
	case len(c.unreferenced) > 0:
		return fmt.Sprintf("%d blocks that nothing refers to, such as %s", len(c.unreferenced), c.unreferenced[0])
	}
	return ""
}

// redundant is why not every block has all its replicas, right to the last byte; "" if it
// has.
func (s *storage) redundant(ctx context.Context) (string, error) {
	c, err := s.look(ctx, false) // quick, and mostly enough to say no
	if err == nil && c.complete() == "" {
		c, err = s.look(ctx, true) // a bit that was flipped is in no list
	}
	if err != nil {
		return "", err
	}
	return c.complete(), nil
}

// voters is why not every om of the group has a vote, which one gets when it has caught up;
// "" if all have.
func (s *storage) voters(ctx context.Context) (string, error) {
	resp, err := s.om.Submit(ctx, &ompb.Request{Op: &ompb.Request_GetRoles{GetRoles: &ompb.GetRoles{}}})
	if err != nil {
		return "", err
	}
	all := resp.GetRoles().GetRoles()
	for _, r := range all {
		if r.Role == "LEARNER" {
			return r.Id + " has no vote", nil
		}
	}
	if len(all) != s.oms {
		return fmt.Sprintf("the group has %d of %d oms", len(all), s.oms), nil
	}
	return "", nil
}

// look compares om with the datanodes; with read every replica of every block is read and
// compared with om's checksum.
func (s *storage) look(ctx context.Context, read bool) (*copies, error) {
	out := &copies{}
	nodes, err := s.living(ctx)
	if err != nil {
		return nil, err
	}
	for after := uint64(0); ; {
		resp, err := s.om.Submit(ctx, &ompb.Request{Op: &ompb.Request_ListContainers{ListContainers: &ompb.ListContainers{After: after, Limit: 100}}})
		if err != nil {
			return nil, err
		}
		for _, c := range resp.GetContainers().GetContainers() {
			after = c.Id
			if err := s.lookAt(ctx, out, c, nodes, read); err != nil {
				return nil, fmt.Errorf("container %d: %w", c.Id, err)
			}
		}
		if !resp.GetContainers().GetTruncated() {
			return out, nil
		}
	}
}

// living are the datanodes that om takes for healthy, by id.
func (s *storage) living(ctx context.Context) (map[string]*commonpb.Node, error) {
	resp, err := s.om.Submit(ctx, &ompb.Request{Op: &ompb.Request_ListNodes{ListNodes: &ompb.ListNodes{}}})
	if err != nil {
		return nil, err
	}
	out := map[string]*commonpb.Node{}
	for _, n := range resp.GetNodes().GetNodes() {
		if n.Health == "HEALTHY" {
			out[n.Node.Id] = n.Node
		}
	}
	return out, nil
}

func (s *storage) lookAt(ctx context.Context, out *copies, c *ompb.ContainerInfo, nodes map[string]*commonpb.Node, read bool) error {
	out.containers++
	owned, freed, err := s.owned(ctx, c.Id)
	if err != nil {
		return err
	}
	for _, b := range owned {
		out.blocks++
		out.bytes += b.Length
	}
	want := 3
	if strings.HasSuffix(c.Replication, "ONE") {
		want = 1
	}
	good := map[uint64]int{}
	for _, id := range c.Nodes {
		n := nodes[id]
		if n == nil {
			continue
		}
		has, err := s.stored(ctx, n, c.Id)
		if err != nil {
			return err
		}
		if err := s.compare(ctx, out, c.Id, n, owned, freed, has, good, read); err != nil {
			return err
		}
	}
	for local := range owned {
		if good[local] < want {
			out.missing = append(out.missing, fmt.Sprintf("block %d/%d has %d of %d replicas on %v (container %s)",
				c.Id, local, good[local], want, c.Nodes, dnpb.ContainerState(c.State)))
		}
	}
	return nil
}

// compare holds what one datanode has of a container against what om says.
func (s *storage) compare(ctx context.Context, out *copies, container uint64, n *commonpb.Node, owned, freed map[uint64]*ompb.ContainerBlock,
	has map[uint64]*dnpb.StoredBlock, good map[uint64]int, read bool) error {
	for local, b := range has {
		want := owned[local]
		switch {
		case want == nil && freed[local] == nil:
			out.unreferenced = append(out.unreferenced, fmt.Sprintf("block %d/%d of %d bytes on %s", container, local, b.Length, n.Address))
			continue
		case want == nil:
			out.freed++
			continue
		}
		out.replicas++
		why := ""
		switch {
		case b.Length != want.Length || want.HasCrc && b.Crc32C != want.Crc32C:
			why = fmt.Sprintf("has %d bytes, checksum %08x", b.Length, b.Crc32C)
		case read:
			var err error
			if why, err = s.read(ctx, n, container, want); err != nil {
				return err
			}
		}
		if why != "" {
			out.bad = append(out.bad, fmt.Sprintf("block %d/%d of %d bytes, checksum %08x: %s %s", container, local, want.Length, want.Crc32C, n.Address, why))
			continue
		}
		good[local]++
	}
	return nil
}

// owned are the blocks that keys and parts have in a container, and those that were freed
// and are not yet deleted everywhere.
func (s *storage) owned(ctx context.Context, container uint64) (owned, freed map[uint64]*ompb.ContainerBlock, err error) {
	owned, freed = map[uint64]*ompb.ContainerBlock{}, map[uint64]*ompb.ContainerBlock{}
	for after := uint64(0); ; {
		resp, err := s.om.Submit(ctx, &ompb.Request{Op: &ompb.Request_ListContainerBlocks{
			ListContainerBlocks: &ompb.ListContainerBlocks{Container: container, AfterLocal: after}}})
		if err != nil {
			return nil, nil, err
		}
		for _, b := range resp.GetContainerBlocks().GetBlocks() {
			after = b.Local
			if b.Freed {
				freed[b.Local] = b
			} else {
				owned[b.Local] = b
			}
		}
		if !resp.GetContainerBlocks().GetTruncated() {
			return owned, freed, nil
		}
	}
}

// stored are the blocks that a datanode lists; none if it does not have the container.
func (s *storage) stored(ctx context.Context, n *commonpb.Node, container uint64) (map[uint64]*dnpb.StoredBlock, error) {
	out := map[uint64]*dnpb.StoredBlock{}
	for after := uint64(0); ; {
		resp, err := s.nodes.Node(n).(*dnclient.Node).ListBlocks(ctx, &dnpb.ListBlocksRequest{Container: container, AfterLocal: after})
		if ozerr.CodeOf(err) == ozerr.ContainerNotFound {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for _, b := range resp.Blocks {
			after = b.Local
			out[b.Local] = b
		}
		if !resp.Truncated {
			return out, nil
		}
	}
}

// read reads a block from one datanode and says what is wrong with it, "" if nothing is.
func (s *storage) read(ctx context.Context, n *commonpb.Node, container uint64, b *ompb.ContainerBlock) (string, error) {
	const step = 1 << 20
	var sum uint32
	for off := uint64(0); off < b.Length; off += step {
		length := min(step, b.Length-off)
		_, payload, err := s.nodes.Node(n).Read(ctx, &dnpb.ReadRequest{
			Block: &commonpb.BlockID{Container: container, Local: b.Local}, Offset: off, Length: length}, nil)
		switch code := ozerr.CodeOf(err); {
		case code == ozerr.Unavailable || code == ozerr.Timeout:
			return "", err
		case err != nil:
			return "can't give it: " + err.Error(), nil
		case uint64(len(payload)) != length: // offsets are whole units, so nothing is added before
			return fmt.Sprintf("gives %d bytes for %d", len(payload), length), nil
		}
		sum = crc32c.Combine(sum, crc32c.Sum(payload), int64(length))
	}
	if b.HasCrc && sum != b.Crc32C {
		return fmt.Sprintf("gives bytes of checksum %08x", sum), nil
	}
	return "", nil
}

// sample is the first few of a list, for a message.
func sample(list []string) []string {
	slices.Sort(list)
	return list[:min(len(list), 10)]
}
