package om

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/internal/rpc"
	"github.com/mini-ozone/mini-ozone/om/raftnode"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// peers are the other oms, to be asked about the group. Nothing else goes from om to om
// beside raft's own traffic.
type peers struct {
	clients map[string]*rpc.Client // by id
}

func newPeers(all []raftnode.Peer, self string, key []byte) *peers {
	p := &peers{clients: map[string]*rpc.Client{}}
	for _, o := range all {
		if o.ID != self {
			p.clients[o.ID] = rpc.NewClient(o.RPCAddress, rpc.ClientOptions{Conns: 1, Key: key})
		}
	}
	return p
}

// ask sends one request to one om, once.
func (p *peers) ask(ctx context.Context, id string, req *ompb.Request) (*ompb.Response, error) {
	c := p.clients[id]
	if c == nil {
		return nil, ozerr.New(ozerr.InvalidArgument, "%s is not among the configured oms", id)
	}
	var resp ompb.Response
	if err := c.Call(ctx, "om.Submit", req, &resp); err != nil {
		return nil, err
	}
	return &resp, ozerr.FromProto(resp.Error)
}

// hasState tells whether an om answers under that id that is not empty.
func (p *peers) hasState(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := p.ask(ctx, id, &ompb.Request{Op: &ompb.Request_GetGroup{GetGroup: &ompb.GetGroup{}}})
	info := resp.GetGroup()
	return err == nil && info.GetId() == id && !info.GetFresh()
}

func (p *peers) close() error {
	var errs []error
	for _, c := range p.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// group answers GetGroup.
func (s *Server) group() (*ompb.Response, error) {
	g, err := s.node.Group()
	if err != nil {
		return nil, ozerr.Wrap(ozerr.Unavailable, err, "read what is known of the group")
	}
	id, err := s.clusterID()
	if err != nil {
		return nil, err
	}
	info := &ompb.GroupInfo{Id: s.cfg.ID, ClusterId: id, Fresh: g.Fresh && id == "", Leader: g.Leader, Term: g.Term, Applied: g.Applied, SecretKey: s.sealer.name}
	for _, r := range g.Members {
		info.Members = append(info.Members, roleOf(r))
	}
	return &ompb.Response{Result: &ompb.Response_Group{Group: info}}, nil
}

func roleOf(r raftnode.Role) *ompb.Role {
	return &ompb.Role{Id: r.ID, Address: r.RPCAddress, Role: roleName(r), RaftAddress: r.RaftAddress}
}

// joinGroup takes in an om that says its directory is empty.
func (s *Server) joinGroup(ctx context.Context, op *ompb.JoinGroup) (*ompb.Response, error) {
	p := raftnode.Peer{ID: op.Id, RaftAddress: op.RaftAddress, RPCAddress: op.RpcAddress}
	if s.peers == nil {
		return nil, ozerr.New(ozerr.InvalidArgument, "%s is configured to be the only om: ozone.om.service.ids is not set there", s.cfg.ID)
	}
	if s.leads() && s.peers.hasState(ctx, op.Id) {
		return nil, ozerr.New(ozerr.InvalidArgument, "at the address of %s is an om that has state: do two oms have this ozone.om.node.id?", op.Id)
	}
	if err := s.node.Admit(ctx, p); err != nil {
		return nil, err
	}
	s.log.Warn().Str("om", op.Id).Str("raft", op.RaftAddress).Msg("an om without state joined as a learner")
	return s.group()
}

// changeGroup does what an administrator asks, and promotes learners.
func (s *Server) changeGroup(ctx context.Context, op *ompb.ChangeGroup) (*ompb.Response, error) {
	var err error
	switch op.Action {
	case ompb.ChangeGroup_TRANSFER:
		if op.Id == "" && s.peers != nil && s.leads() {
			err = s.transfer(ctx)
		} else {
			err = s.node.Transfer(ctx, op.Id)
		}
	case ompb.ChangeGroup_REMOVE:
		if err = s.canSpare(ctx, op.Id); err == nil {
			err = s.node.Remove(ctx, op.Id)
		}
	case ompb.ChangeGroup_PROMOTE:
		err = s.node.Promote(ctx, op.Id, op.Applied)
	default:
		err = ozerr.New(ozerr.InvalidRequest, "no such change of the group: %d", op.Action)
	}
	if err != nil {
		return nil, err
	}
	s.log.Warn().Stringer("change", op.Action).Str("om", op.Id).Msg("the group of oms was changed")
	return s.group()
}

// handOverLimit bounds how long a leader that stops looks for a successor.
const handOverLimit = 4 * time.Second

// handOver gives leadership to a follower that answers and is furthest, before this om
// stops: an election after a timeout would cost everybody a second. If it fails, that
// is what happens.
func (s *Server) handOver() {
	if s.peers == nil || !s.isOpen() {
		return
	}
	if _, leads := s.node.Leading(); !leads {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, handOverLimit)
	defer cancel()
	err := s.transfer(ctx)
	s.log.Info().Err(err).Msg("handed leadership over before stopping")
}

// transfer tries the voters that answer, the furthest first.
func (s *Server) transfer(ctx context.Context) error {
	answers := s.askPeers(ctx)
	var fit []string
	for _, r := range s.node.Roles() {
		if a, asked := answers[r.ID]; asked && a.err == nil && r.Voter && a.info.Leader == s.cfg.ID {
			fit = append(fit, r.ID)
		}
	}
	slices.SortStableFunc(fit, func(a, b string) int {
		return cmp.Compare(answers[b].info.Applied, answers[a].info.Applied)
	})
	err := error(ozerr.New(ozerr.Unavailable, "no other voter answers"))
	for _, id := range fit {
		if err = s.node.Transfer(ctx, id); err == nil {
			return nil
		}
	}
	return err
}

const (
	memberTick     = 500 * time.Millisecond
	promoteTimeout = 10 * time.Second
)

// canSpare refuses to take out an om when those who answer would be no majority of the
// rest: the change could not even be agreed on, and the group would stand still.
func (s *Server) canSpare(ctx context.Context, id string) error {
	if !s.leads() {
		return nil // the node says who does
	}
	answers := map[string]peerAnswer{}
	if s.peers != nil {
		answers = s.askPeers(ctx)
	}
	voters, alive, silent := 0, 0, []string{}
	for _, r := range s.node.Roles() {
		if !r.Voter || r.ID == id {
			continue
		}
		voters++
		if a, asked := answers[r.ID]; r.ID == s.cfg.ID || asked && a.err == nil {
			alive++
		} else {
			silent = append(silent, r.ID)
		}
	}
	if alive <= voters/2 {
		return ozerr.New(ozerr.InvalidArgument, "without %s only %d of %d oms would be there: %s does not answer",
			id, alive, voters, strings.Join(silent, ", "))
	}
	return nil
}

func (s *Server) leads() bool {
	_, ok := s.node.Leading()
	return ok
}

// watchMembership has a learner ask for its vote once it has caught up.
func (s *Server) watchMembership() {
	tick := time.NewTicker(memberTick)
	defer tick.Stop()
	compared, noted := !s.cfg.Secure, false
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
		if !noted {
			var err error
			if noted, err = s.noteCluster(); err != nil {
				s.log.Warn().Err(err).Msg("the cluster's id was not noted")
			}
		}
		if !compared {
			var err error
			if compared, err = s.compareKeys(); err != nil {
				s.failed <- err
				return
			}
		}
		if !s.learns() {
			continue
		}
		if err := s.askForVote(); err != nil && s.ctx.Err() == nil {
			s.log.Info().Err(err).Msg("still a learner")
		}
	}
}

// learns tells whether this om is in the group without a vote.
func (s *Server) learns() bool {
	for _, r := range s.node.Roles() {
		if r.ID == s.cfg.ID {
			return !r.Voter
		}
	}
	return false
}

// askForVote compares with the leader and asks it when nothing is missing here.
func (s *Server) askForVote() error {
	ctx, cancel := context.WithTimeout(s.ctx, promoteTimeout)
	defer cancel()
	g, err := s.node.Group()
	if err != nil || g.Leader == "" {
		return err
	}
	_, err = s.peers.ask(ctx, g.Leader, &ompb.Request{Op: &ompb.Request_ChangeGroup{ChangeGroup: &ompb.ChangeGroup{
		Action: ompb.ChangeGroup_PROMOTE, Id: s.cfg.ID, Applied: g.Applied}}})
	if err == nil {
		s.log.Info().Uint64("applied", g.Applied).Msg("caught up: this om is a voter")
	}
	return err
}
