package om

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mini-ozone/mini-ozone/om/raftnode"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// rejoinPatience is how long an om with damaged state looks for a leader before it gives up.
const rejoinPatience = 15 * time.Second

// openRaft opens the node. Damaged state it neither repairs nor cuts: if the others have
// a leader, who has all that was ever acknowledged, it moves the state aside and joins
// anew, as if it were empty. Otherwise, and always when it is alone, it refuses.
func (s *Server) openRaft() (*raftnode.Node, error) {
	if err := s.checkKeys(); err != nil {
		return nil, err
	}
	node, err := raftnode.Open(s.raftConfig())
	if !errors.Is(err, raftnode.ErrDamaged) {
		return node, err
	}
	if s.peers == nil || s.cfg.Bootstrap {
		return nil, fmt.Errorf("%w; this om has no peers to get it from anew: restore a copy of %s, and do not delete it", err, s.cfg.Dir)
	}
	s.setEarly("its state is damaged, and it looks for a leader to join anew: " + err.Error())
	s.log.Error().Err(err).Msg("damaged state: looking for a leader of the other oms to join anew")
	leader, silence := s.findLeader(rejoinPatience)
	if leader == "" {
		return nil, fmt.Errorf("%w; no leader of the other oms was found to join anew (%s): start them first", err, silence)
	}
	aside, moveErr := raftnode.SetAside(s.cfg.Dir, time.Now())
	if moveErr != nil {
		return nil, errors.Join(err, fmt.Errorf("move the damaged state aside: %w", moveErr))
	}
	s.log.Error().Err(err).Str("moved_to", aside).Str("leader", leader).
		Msg("damaged state was moved aside; joining anew. Nothing reads it again: delete it when you have looked at it")
	return raftnode.Open(s.raftConfig())
}

// findLeader asks the others until one of them says that it leads; else it tells why not.
func (s *Server) findLeader(patience time.Duration) (leader, why string) {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	for {
		answers := s.askPeers(ctx)
		for id, a := range answers {
			if a.err == nil && !a.info.Fresh && a.info.Leader == id && !s.otherKey(a.info) && !s.otherCluster(a.info) {
				return id, ""
			}
		}
		if _, said := s.verdict(answers); said != "" {
			why = said
		} else if why == "" {
			why = "they have no cluster"
		}
		select {
		case <-time.After(askPause):
		case <-ctx.Done():
			return "", why
		}
	}
}

// clusterFile in the metadata directory has the cluster's id. It is read only when the
// state itself cannot be: a leader of another cluster, at an address that was mistaken,
// must not have damaged state moved aside.
const clusterFile = "cluster"

// noteCluster writes the id that the state has; done is false while there is none.
func (s *Server) noteCluster() (done bool, err error) {
	id, err := s.clusterID()
	if err != nil || id == "" || id == s.notedCluster() {
		return id != "", err
	}
	path := filepath.Join(s.cfg.Dir, clusterFile)
	if err := os.WriteFile(path+".tmp", []byte(id), 0o640); err != nil {
		return false, err
	}
	return true, os.Rename(path+".tmp", path) // not synced: an empty file is as good as none
}

// notedCluster is "" if there is no note.
func (s *Server) notedCluster() string {
	id, _ := os.ReadFile(filepath.Join(s.cfg.Dir, clusterFile))
	return string(id)
}

// otherCluster tells whether the om that says info is of another cluster than this
// directory once was.
func (s *Server) otherCluster(info *ompb.GroupInfo) bool {
	own := s.notedCluster()
	return own != "" && info.GetClusterId() != "" && info.ClusterId != own
}
