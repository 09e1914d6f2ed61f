package state

import (
	"encoding/binary"
	"errors"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
	"google.golang.org/protobuf/proto"
)

// ClusterID is "" before InitCluster.
func ClusterID(tx *table.Txn) string {
	id, _ := table.Cluster.Get(tx, nil)
	return string(id)
}

func (c *call) initCluster(r *ompb.InitCluster) (*ompb.Response, error) {
	if err := checkShort(r.ClusterId); err != nil || r.ClusterId == "" {
		return nil, errors.Join(err, ozerr.New(ozerr.InvalidArgument, "a cluster needs an id"))
	}
	switch ClusterID(c.tx) {
	case r.ClusterId:
		return nil, nil
	case "":
		table.Cluster.Put(c.tx, nil, []byte(r.ClusterId))
		return nil, nil
	}
	return nil, ozerr.New(ozerr.InvalidRequest, "the cluster is %s already", ClusterID(c.tx))
}

// nextIDs takes n ids of a kind, which start at 1 and are never given twice.
func (c *call) nextIDs(kind string, n uint64) uint64 {
	next := uint64(1)
	if v, ok := table.IDs.Get(c.tx, []byte(kind)); ok {
		if len(v) != 8 {
			c.tx.Fail(errors.Join(table.ErrCorrupt, errors.New("id row")))
			return 0
		}
		next = binary.BigEndian.Uint64(v)
	}
	table.IDs.Put(c.tx, []byte(kind), table.U64(next+n))
	return next
}

func (c *call) reserveIDs(r *ompb.ReserveIDs) (*ompb.Response, error) {
	switch r.Kind {
	case "block", "container", "order":
	default:
		return nil, ozerr.New(ozerr.InvalidArgument, "no ids of kind %q", r.Kind)
	}
	if r.Count == 0 || r.Count > 1<<32 {
		return nil, ozerr.New(ozerr.InvalidArgument, "%d ids", r.Count)
	}
	from := c.nextIDs(r.Kind, r.Count)
	return &ompb.Response{Result: &ompb.Response_Ids{Ids: &ompb.IDRange{First: from, End: from + r.Count}}}, nil
}

// Container returns a container's row, nil if there is none.
func Container(tx *table.Txn, id uint64) *ompb.ContainerInfo {
	return table.Containers.Get(tx, table.U64(id))
}

// Containers calls f for each container in order of ids until f returns false.
func Containers(tx *table.Txn, f func(*ompb.ContainerInfo) bool) {
	table.Containers.Scan(tx, nil, nil, func(_ []byte, m *ompb.ContainerInfo) bool { return f(m) })
}

// Nodes calls f for each registered node in order of ids until f returns false.
func Nodes(tx *table.Txn, f func(*ompb.NodeInfo) bool) {
	table.Nodes.Scan(tx, nil, nil, func(_ []byte, m *ompb.NodeInfo) bool { return f(m) })
}

func (c *call) getContainer(r *ompb.GetContainer) (*ompb.Response, error) {
	m := Container(c.tx, r.Container)
	if m == nil {
		return nil, ozerr.New(ozerr.ContainerNotFound, "container %d does not exist", r.Container)
	}
	return containerAnswer(m), nil
}

func containerAnswer(m *ompb.ContainerInfo) *ompb.Response {
	return &ompb.Response{Result: &ompb.Response_Container{Container: m}}
}

func (c *call) createContainer(r *ompb.CreateContainer) (*ompb.Response, error) {
	if err := checkReplication(r.Replication); err != nil {
		return nil, err
	}
	if len(r.Nodes) == 0 || len(r.Nodes) > 64 {
		return nil, ozerr.New(ozerr.InvalidArgument, "a container on %d nodes", len(r.Nodes))
	}
	seen := map[string]bool{}
	for _, id := range r.Nodes {
		if seen[id] || !table.Nodes.Has(c.tx, []byte(id)) {
			return nil, ozerr.New(ozerr.InvalidArgument, "node %s is not registered, or named twice", id)
		}
		seen[id] = true
	}
	m := &ompb.ContainerInfo{
		Id: c.nextIDs("container", 1), State: uint32(dnpb.ContainerState_OPEN), Replication: r.Replication,
		Nodes: r.Nodes, CreatedNs: c.now(), ModifiedNs: c.now(),
	}
	table.Containers.Put(c.tx, table.U64(m.Id), m)
	return containerAnswer(m), nil
}

// setContainerState moves a container forward in its life; what lies behind or is the
// same is answered with the container as it is, since two observers may report one event.
func (c *call) setContainerState(r *ompb.SetContainerState) (*ompb.Response, error) {
	m := Container(c.tx, r.Container)
	if m == nil {
		return nil, ozerr.New(ozerr.ContainerNotFound, "container %d does not exist", r.Container)
	}
	if _, ok := dnpb.ContainerState_name[int32(r.State)]; !ok || r.State == 0 {
		return nil, ozerr.New(ozerr.InvalidArgument, "no container state %d", r.State)
	}
	if stage(r.State) > stage(m.State) {
		m.State, m.ModifiedNs = r.State, c.now()
		table.Containers.Put(c.tx, table.U64(m.Id), m)
	}
	return containerAnswer(m), nil
}

// stage orders the states of a container's life. A quasi-closed one may still become
// closed, when its replicas agree.
func stage(state uint32) int {
	switch dnpb.ContainerState(state) {
	case dnpb.ContainerState_OPEN:
		return 1
	case dnpb.ContainerState_CLOSING:
		return 2
	case dnpb.ContainerState_QUASI_CLOSED:
		return 3
	case dnpb.ContainerState_CLOSED:
		return 4
	case dnpb.ContainerState_UNHEALTHY:
		return 5
	}
	return 0
}

func (c *call) registerNode(r *ompb.RegisterNode) (*ompb.Response, error) {
	id := r.Node.GetId()
	if id == "" || proto.Size(r.Node) > 16<<10 {
		return nil, ozerr.New(ozerr.InvalidArgument, "a node needs an id and a short description")
	}
	n := &ompb.NodeInfo{Node: r.Node, RegisteredNs: c.now()}
	if old := table.Nodes.Get(c.tx, []byte(id)); old != nil {
		n.RegisteredNs, n.OpState, n.UntilNs = old.RegisteredNs, old.OpState, old.UntilNs
	}
	table.Nodes.Put(c.tx, []byte(id), n)
	return nil, nil
}

func (c *call) listNodes() (*ompb.Response, error) {
	list := &ompb.NodeList{}
	Nodes(c.tx, func(n *ompb.NodeInfo) bool { list.Nodes = append(list.Nodes, n); return true })
	return &ompb.Response{Result: &ompb.Response_Nodes{Nodes: list}}, nil
}

func (c *call) listContainers(r *ompb.ListContainers) (*ompb.Response, error) {
	list, limit := &ompb.ContainerList{}, page(r.Limit)
	if r.After == ^uint64(0) {
		return &ompb.Response{Result: &ompb.Response_Containers{Containers: list}}, nil
	}
	table.Containers.Scan(c.tx, nil, table.U64(r.After+1), func(_ []byte, m *ompb.ContainerInfo) bool {
		if len(list.Containers) == limit {
			list.Truncated = true
			return false
		}
		list.Containers = append(list.Containers, m)
		return true
	})
	return &ompb.Response{Result: &ompb.Response_Containers{Containers: list}}, nil
}
