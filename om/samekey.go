package om

import (
	"bytes"
	"context"
	"errors"

	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// The oms of a group need the same key of S3 secrets. One with another key, such as one
// that made its own because the file was not there, would work as a follower; as leader it
// could open neither secrets nor the keys of block tokens, and make others of those. So
// it is refused before it takes part, and ends if it finds out later.

// otherKey tells whether the om that says info has another key than this one.
func (s *Server) otherKey(info *ompb.GroupInfo) bool {
	return len(info.GetSecretKey()) > 0 && !bytes.Equal(info.SecretKey, s.sealer.name)
}

func otherKeyText(id string) string {
	return "this om's key of S3 secrets is not that of " + id +
		": all oms need the same file ozone.om.s3.secret.key.file (secret.key in the metadata directory)"
}

// checkKeys asks the peers that are there before the state is opened.
func (s *Server) checkKeys() error {
	if !s.cfg.Secure || s.peers == nil || s.cfg.Bootstrap {
		return nil
	}
	for id, a := range s.askPeers(s.ctx) {
		if a.err == nil && !a.info.Fresh && s.otherKey(a.info) {
			return errors.New(otherKeyText(id))
		}
	}
	return nil
}

// compareKeys asks the leader; done is false when there is nobody to ask now.
func (s *Server) compareKeys() (done bool, err error) {
	g, err := s.node.Group()
	if err != nil || g.Leader == "" || g.Leader == s.cfg.ID {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, askTimeout)
	defer cancel()
	resp, err := s.peers.ask(ctx, g.Leader, &ompb.Request{Op: &ompb.Request_GetGroup{GetGroup: &ompb.GetGroup{}}})
	switch {
	case err != nil:
		return false, nil
	case s.otherKey(resp.GetGroup()):
		return false, errors.New(otherKeyText(g.Leader))
	}
	return true, nil
}
