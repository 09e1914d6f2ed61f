package om

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/raftnode"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

const (
	askTimeout  = 2 * time.Second        // for one peer to say what it knows
	askPause    = 200 * time.Millisecond // between two rounds of asking
	joinTimeout = 20 * time.Second       // for the leader to change the group twice
	waitNotice  = 10 * time.Second       // between two log lines about waiting
)

// beginning decides how an om with an empty directory takes its part. It may be one of
// a new group, or one that was wiped, or one that replaces another; which of them, only
// its peers know, and the wrong guess loses data: a wiped om that begins a group of its
// own votes against entries it once acknowledged. So it asks, and while it does not
// know it does nothing. See DESIGN.md for the races.
//
// It returns true when the group shall be begun, false when the leader has taken it in.
func (s *Server) beginning() (bootstrap bool, err error) {
	s.asking.Store(true)
	defer s.asking.Store(false) // from now on the node says what it knows, once it is open
	defer s.setEarly("starting")
	var noticed time.Time
	for s.ctx.Err() == nil {
		answers := s.askPeers(s.ctx)
		leader, why := s.verdict(answers)
		switch {
		case why == "" && leader == "":
			s.log.Info().Msg("all peers are empty too: this is the beginning of a new group")
			return true, nil
		case why == "":
			if err := s.askToJoin(leader); err == nil {
				return false, nil
			} else {
				why = fmt.Sprintf("%s leads but did not take this om in: %v", leader, err)
			}
		}
		s.setEarly(why)
		if time.Since(noticed) >= waitNotice {
			noticed = time.Now()
			s.log.Warn().Str("dir", s.cfg.Dir).Msg("this om has an empty directory and waits: " + why)
		}
		select {
		case <-time.After(askPause):
		case <-s.ctx.Done():
		}
	}
	return false, context.Cause(s.ctx)
}

// verdict is what the peers' answers allow: the id of the leader to ask, or "" to begin
// a group; or why neither.
func (s *Server) verdict(answers map[string]peerAnswer) (leader, why string) {
	var silent, begun []string
	for _, p := range s.cfg.Peers {
		a, asked := answers[p.ID]
		switch {
		case !asked: // this om
		case a.err == nil && s.otherKey(a.info):
			return "", otherKeyText(p.ID)
		case a.err == nil && s.otherCluster(a.info):
			return "", fmt.Sprintf("%s is of cluster %s, and the directory of this om was of another: %s", p.ID, a.info.ClusterId, s.notedCluster())
		case a.err != nil:
			silent = append(silent, fmt.Sprintf("%s (%v)", p.ID, a.err))
		case !a.info.Fresh:
			begun = append(begun, p.ID)
			if l := a.info.Leader; l != "" && l != s.cfg.ID {
				leader = l
			}
		case !s.samePeers(a.info.Members):
			return "", fmt.Sprintf("%s is configured for other oms: %s, not %s", p.ID, memberNames(a.info.Members), peerNames(s.cfg.Peers))
		}
	}
	switch {
	case leader != "":
		return leader, ""
	case len(begun) > 0:
		return "", fmt.Sprintf("%s %s part of a group that has no leader at the moment", strings.Join(begun, ", "), plural(begun, "is", "are"))
	case len(silent) > 0:
		return "", "no answer from " + strings.Join(silent, ", ") +
			"; a new group begins only when all its oms are there, for one that is away may have data"
	}
	return "", ""
}

func plural(list []string, one, many string) string {
	if len(list) == 1 {
		return one
	}
	return many
}

// samePeers: two oms that begin a group must begin the same one.
func (s *Server) samePeers(members []*ompb.Role) bool {
	if len(members) != len(s.cfg.Peers) {
		return false
	}
	return !slices.ContainsFunc(members, func(r *ompb.Role) bool {
		return !slices.ContainsFunc(s.cfg.Peers, func(p raftnode.Peer) bool { return p.ID == r.Id && p.RaftAddress == r.RaftAddress })
	})
}

func memberNames(members []*ompb.Role) string {
	var names []string
	for _, r := range members {
		names = append(names, r.Id+"="+r.RaftAddress)
	}
	return strings.Join(names, ",")
}

func peerNames(peers []raftnode.Peer) string {
	var names []string
	for _, p := range peers {
		names = append(names, p.ID+"="+p.RaftAddress)
	}
	return strings.Join(names, ",")
}

// askToJoin has the leader take this om in.
func (s *Server) askToJoin(leader string) error {
	ctx, cancel := context.WithTimeout(s.ctx, joinTimeout)
	defer cancel()
	own := s.self()
	_, err := s.peers.ask(ctx, leader, &ompb.Request{Op: &ompb.Request_JoinGroup{JoinGroup: &ompb.JoinGroup{
		Id: own.ID, RaftAddress: own.RaftAddress, RpcAddress: own.RPCAddress}}})
	if err != nil {
		return err
	}
	s.log.Warn().Str("leader", leader).Msg("this om was empty; the group has taken it in as a learner, and it becomes a voter when it has caught up")
	return nil
}

func (s *Server) self() raftnode.Peer {
	i := slices.IndexFunc(s.cfg.Peers, func(p raftnode.Peer) bool { return p.ID == s.cfg.ID })
	return s.cfg.Peers[i]
}

// peerAnswer is a peer's word on the group, or why there is none.
type peerAnswer struct {
	info *ompb.GroupInfo
	err  error
}

// askPeers asks every other om what it knows, all at once.
func (s *Server) askPeers(ctx context.Context) map[string]peerAnswer {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	type answer struct {
		id string
		peerAnswer
	}
	answers := make(chan answer, len(s.cfg.Peers))
	asked := 0
	for _, p := range s.cfg.Peers {
		if p.ID == s.cfg.ID {
			continue
		}
		asked++
		go func() {
			resp, err := s.peers.ask(ctx, p.ID, &ompb.Request{Op: &ompb.Request_GetGroup{GetGroup: &ompb.GetGroup{}}})
			info := resp.GetGroup()
			switch {
			case err == nil && info == nil:
				err = errors.New("it does not know of groups")
			case err == nil && info.Id != p.ID:
				err = fmt.Errorf("at its address is %s", info.Id)
			}
			answers <- answer{p.ID, peerAnswer{info, err}}
		}()
	}
	out := map[string]peerAnswer{}
	for range asked {
		a := <-answers
		out[a.id] = a.peerAnswer
	}
	return out
}

// answerEarly is what an om says that has not opened its state: only that it has none.
func (s *Server) answerEarly(req *ompb.Request) (*ompb.Response, error) {
	if _, ok := req.Op.(*ompb.Request_GetGroup); !ok || !s.asking.Load() {
		return nil, ozerr.New(ozerr.Unavailable, "%s is not ready: %s", s.cfg.ID, s.whyEarly())
	}
	info := &ompb.GroupInfo{Id: s.cfg.ID, Fresh: true, SecretKey: s.sealer.name}
	for _, p := range s.cfg.Peers {
		info.Members = append(info.Members, &ompb.Role{Id: p.ID, Address: p.RPCAddress, RaftAddress: p.RaftAddress})
	}
	return &ompb.Response{Result: &ompb.Response_Group{Group: info}}, nil
}
