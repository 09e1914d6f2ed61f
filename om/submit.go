package om

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/raftnode"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// requestTimeout bounds a request whose caller gave no deadline.
const requestTimeout = 30 * time.Second

// Submit answers one request ("om.Submit"). A response with an error in it comes
// back as that error; NotLeader's Detail is the leader's rpc address. After
// Unavailable, Timeout and Canceled the outcome of a change is unknown, and a
// retry with the same client id and sequence gets the first answer. req is not
// changed.
func (s *Server) Submit(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	start := time.Now()
	resp, err := s.dispatch(ctx, req)
	if err == nil && resp.Error != nil {
		err = ozerr.FromProto(resp.Error)
	}
	s.metrics.request(req, err, time.Since(start))
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func (s *Server) dispatch(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	if !s.isOpen() {
		return s.answerEarly(req)
	}
	switch op := req.Op.(type) {
	case nil:
		return nil, ozerr.New(ozerr.InvalidRequest, "a request without an operation (or one this om does not know)")
	case *ompb.Request_AllocateBlocks:
		if err := s.room(req); err != nil {
			return nil, err
		}
		return s.allocate(ctx, op.AllocateBlocks, req.User)
	case *ompb.Request_ReportBadReplica:
		return s.reportBadReplica(ctx, op.ReportBadReplica)
	case *ompb.Request_GetRoles:
		return s.roles()
	case *ompb.Request_GetGroup:
		return s.group()
	case *ompb.Request_JoinGroup:
		return s.joinGroup(ctx, op.JoinGroup)
	case *ompb.Request_ChangeGroup:
		return s.changeGroup(ctx, op.ChangeGroup)
	case *ompb.Request_GetReplication, *ompb.Request_ControlReplication, *ompb.Request_CloseContainerNow:
		return s.replication(ctx, req)
	case *ompb.Request_GetSecret:
		return s.secret(ctx, req)
	case *ompb.Request_SetUser:
		if op.SetUser.SealedSecret != nil {
			return nil, ozerr.New(ozerr.PermissionDenied, "only om itself sets sealed secrets")
		}
	}
	switch {
	case state.InternalOnly(req):
		return nil, ozerr.New(ozerr.PermissionDenied, "only om itself may ask for this")
	case state.IsRead(req):
		return s.read(ctx, req)
	case state.NeedsLog(req):
		return s.write(ctx, req)
	}
	return nil, ozerr.New(ozerr.NotSupported, "not an operation of this om")
}

// write proposes a change.
func (s *Server) write(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	if b := req.GetCreateBucket(); b != nil && b.Replication == "" {
		// The state machine knows no configuration, so the default goes in here.
		req = proto.CloneOf(req)
		req.GetCreateBucket().Replication = replicationName(s.cfg.Replication)
	}
	if err := s.room(req); err != nil {
		return nil, err
	}
	if err := s.checkTargets(req); err != nil {
		return nil, err
	}
	if err := s.checkNodeChange(req); err != nil {
		return nil, err
	}
	req = withoutTokens(req)
	resp, err := s.node.Propose(ctx, req)
	if err == nil && resp.Error == nil {
		s.filled(req)
		s.nodeChanged(req)
		s.sendTestEvents(req)
	}
	return resp, err
}

// replication answers what concerns the replication manager.
func (s *Server) replication(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	t, err := s.tenure(ctx)
	if err != nil {
		return nil, err
	}
	report := t.repl.status()
	switch op := req.Op.(type) {
	case *ompb.Request_GetReplication:
		report, err = t.repl.account()
	case *ompb.Request_ControlReplication:
		err = t.repl.control(op.ControlReplication)
	case *ompb.Request_CloseContainerNow:
		err = s.closeNow(ctx, t, op.CloseContainerNow.Container)
	}
	if err != nil {
		return nil, err
	}
	return &ompb.Response{Result: &ompb.Response_Replication{Replication: report}}, nil
}

// closeNow begins to close a container that an administrator names.
func (s *Server) closeNow(ctx context.Context, t *tenure, id uint64) error {
	var info *ompb.ContainerInfo
	err := s.node.View(func(tx *table.Txn) error {
		info = state.Container(tx, id)
		return nil
	})
	switch {
	case err != nil:
		return err
	case info == nil:
		return ozerr.New(ozerr.ContainerNotFound, "container %d does not exist", id)
	case info.State != uint32(dnpb.ContainerState_OPEN):
		return ozerr.New(ozerr.InvalidRequest, "container %d is %s already", id, dnpb.ContainerState(info.State))
	}
	return t.beginClose(ctx, id)
}

// propose is a change of om's own; the response's error becomes the error.
func (s *Server) propose(ctx context.Context, req *ompb.Request) (*ompb.Response, error) {
	resp, err := s.node.Propose(ctx, req)
	if err != nil {
		return nil, err
	}
	return resp, ozerr.FromProto(resp.Error)
}

// read answers from the tables, after every change acknowledged before the call.
func (s *Server) read(ctx context.Context, req *ompb.Request) (resp *ompb.Response, err error) {
	if err := s.node.ReadIndex(ctx); err != nil {
		return nil, err
	}
	err = s.node.View(func(tx *table.Txn) error {
		resp = state.Read(tx, req)
		s.addSoft(tx, resp)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.signed(ctx, req, resp); err != nil {
		return nil, err
	}
	return resp, nil
}

// roles describes the group; every om answers, as far as it knows.
func (s *Server) roles() (*ompb.Response, error) {
	list := &ompb.RoleList{}
	err := s.node.View(func(tx *table.Txn) error {
		list.ClusterId = state.ClusterID(tx)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, r := range s.members() {
		list.Roles = append(list.Roles, roleOf(r))
	}
	return &ompb.Response{Result: &ompb.Response_Roles{Roles: list}}, nil
}

// members are the group's roles; this om's own address is the one it listens on if
// nobody configured another.
func (s *Server) members() []raftnode.Role {
	roles := s.node.Roles()
	for i := range roles {
		if roles[i].ID == s.cfg.ID && roles[i].RPCAddress == "" {
			roles[i].RPCAddress = s.RPCAddr()
		}
	}
	return roles
}

func (s *Server) voters() (n int) {
	for _, r := range s.node.Roles() {
		if r.Voter {
			n++
		}
	}
	return n
}

// asides are the directories with damaged state that nobody has removed yet.
func (s *Server) asides() []string {
	dirs, _ := raftnode.Aside(s.cfg.Dir) // fails only for a bad pattern
	return dirs
}

func roleName(r raftnode.Role) string {
	switch {
	case r.Leader:
		return "LEADER"
	case r.Voter:
		return "FOLLOWER"
	}
	return "LEARNER"
}
