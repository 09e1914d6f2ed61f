package om

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mini-ozone/mini-ozone/internal/blocktoken"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

const (
	// tokenKeySettle is how long a new key is told to datanodes before tokens are made
	// with it, if there is an older one: most never meet a token with a key they don't know.
	tokenKeySettle = time.Minute
	// orderTokenLife is long: copying a container may take hours.
	orderTokenLife = 24 * time.Hour
)

// tokens makes the block tokens of a tenure. In open mode there is none: nil makes none.
type tokens struct {
	cfg    *Config
	minter *blocktoken.Minter
	until  time.Time // then it is time to look at the keys again
}

// renewTokens sees to it that there is a young key of block tokens, and takes the right
// one into use. In open mode it does nothing.
func (s *Server) renewTokens(ctx context.Context, t *tenure) error {
	now := s.now()
	if old := t.tokens.Load(); !s.cfg.Secure || old != nil && now.Before(old.until) {
		return nil
	}
	var rows []*ompb.SealedTokenKey
	if err := s.node.View(func(tx *table.Txn) error {
		rows = state.TokenKeys(tx)
		return tx.Err()
	}); err != nil {
		return err
	}
	last := uint64(0)
	if n := len(rows); n > 0 {
		last = rows[n-1].Id
	}
	rows, keys := s.usableTokenKeys(rows, now)
	if len(rows) == 0 || now.Sub(time.Unix(0, rows[len(rows)-1].CreatedNs)) >= s.cfg.TokenKeyRotation {
		row, key := s.newTokenKey(last, now)
		rows, keys = append(rows, row), append(keys, key)
		if _, err := s.propose(ctx, &ompb.Request{Op: &ompb.Request_SetTokenKeys{SetTokenKeys: &ompb.SetTokenKeys{Keys: rows}}}); err != nil {
			return fmt.Errorf("set the keys of block tokens: %w", err)
		}
		s.log.Info().Uint64("key", row.Id).Int("keys", len(rows)).Msg("made a new key of block tokens")
	}
	newest := len(rows) - 1
	use, until := newest, time.Unix(0, rows[newest].CreatedNs).Add(s.cfg.TokenKeyRotation)
	if settled := time.Unix(0, rows[newest].CreatedNs).Add(tokenKeySettle); newest > 0 && now.Before(settled) {
		use, until = newest-1, settled
	}
	t.tokens.Store(&tokens{cfg: &s.cfg, minter: blocktoken.NewMinter(keys[use]), until: until})
	return nil
}

// usableTokenKeys opens the keys and leaves out those that have expired and those that
// this om's secret key does not open: tokens are short-lived, new keys can take their place.
func (s *Server) usableTokenKeys(rows []*ompb.SealedTokenKey, now time.Time) ([]*ompb.SealedTokenKey, []*dnpb.TokenKey) {
	var usable []*ompb.SealedTokenKey
	var keys []*dnpb.TokenKey
	for _, r := range rows {
		if r.ExpiresNs <= now.UnixNano() {
			continue
		}
		secret, err := s.sealer.open(tokenKeyName(r.Id), r.Sealed)
		if err != nil {
			s.log.Error().Err(err).Uint64("key", r.Id).Msg("a key of block tokens cannot be used")
			continue
		}
		usable = append(usable, r)
		keys = append(keys, &dnpb.TokenKey{Id: r.Id, Secret: []byte(secret), ExpiresNs: r.ExpiresNs})
	}
	return usable, keys
}

// newTokenKey is a key that is not in the log yet; last is the id of the one before.
func (s *Server) newTokenKey(last uint64, now time.Time) (*ompb.SealedTokenKey, *dnpb.TokenKey) {
	secret := make([]byte, blocktoken.KeySize)
	_, _ = rand.Read(secret) // never fails, see crypto/rand
	// An id that was never another key's: datanodes keep what they have under an id.
	id := max(uint64(now.UnixMicro()), last+1)
	key := &dnpb.TokenKey{Id: id, Secret: secret, ExpiresNs: now.Add(s.cfg.TokenKeyExpiry).UnixNano()}
	return &ompb.SealedTokenKey{Id: id, Sealed: s.sealer.seal(tokenKeyName(id), string(secret)), CreatedNs: now.UnixNano(), ExpiresNs: key.ExpiresNs}, key
}

// tokenKeyName is what a key is sealed for; no user has such a name.
func tokenKeyName(id uint64) string { return fmt.Sprintf("block token key/%d", id) }

// tokenKeys are those that datanodes check tokens with; every om tells them.
func (s *Server) tokenKeys() ([]*dnpb.TokenKey, error) {
	if !s.cfg.Secure {
		return nil, nil
	}
	var rows []*ompb.SealedTokenKey
	err := s.node.View(func(tx *table.Txn) error {
		rows = state.TokenKeys(tx)
		return tx.Err()
	})
	_, keys := s.usableTokenKeys(rows, s.now())
	return keys, err
}

func (s *Server) now() time.Time {
	if s.cfg.Now != nil {
		return s.cfg.Now()
	}
	return time.Now()
}

// signLeases gives each lease its token.
func (t *tokens) signLeases(list *ompb.BlockLeases, user string, now time.Time) {
	if t == nil {
		return
	}
	list.TokenValidNs = int64(t.cfg.TokenExpiry)
	for _, l := range list.Leases {
		l.Token = t.minter.Write(l.Id, list.BlockSize, user, now.Add(t.cfg.TokenExpiry))
	}
}

// signBlocks gives each block its token; bs are the caller's own.
func (t *tokens) signBlocks(bs []*commonpb.Block, user string, now time.Time) {
	if t == nil {
		return
	}
	for _, b := range bs {
		b.Token = t.minter.Read(b.Id, user, now.Add(t.cfg.TokenExpiry))
	}
}

// signOrders gives orders that make a datanode read elsewhere a token for that; orders
// are sent more than once, so those are copies.
func (t *tokens) signOrders(orders []*dnpb.Order, now time.Time) {
	if t == nil {
		return
	}
	for i, o := range orders {
		r := o.GetReconcileContainer()
		if r == nil {
			continue
		}
		o = proto.CloneOf(o)
		o.GetReconcileContainer().Token = t.minter.Read(&commonpb.BlockID{Container: r.Container}, "om", now.Add(orderTokenLife))
		orders[i] = o
	}
}

// signed gives the answer to GetKey its tokens.
func (s *Server) signed(ctx context.Context, req *ompb.Request, resp *ompb.Response) error {
	if !s.cfg.Secure || req.GetGetKey() == nil || len(resp.GetKey().GetKey().GetBlocks()) == 0 {
		return nil
	}
	t, err := s.tenure(ctx)
	if err != nil {
		return err
	}
	t.tokens.Load().signBlocks(resp.GetKey().Key.Blocks, req.User, s.now())
	return nil
}

// withoutTokens is req as the log may have it: a copied object's blocks come with the
// tokens that they were read with.
func withoutTokens(req *ompb.Request) *ompb.Request {
	has := func(b *commonpb.Block) bool { return len(b.GetToken()) > 0 }
	if !slices.ContainsFunc(blocksOf(req), has) {
		return req
	}
	req = proto.CloneOf(req)
	for _, b := range blocksOf(req) {
		b.Token = nil
	}
	return req
}

// blocksOf are the blocks that a request would make a key's or a part's.
func blocksOf(req *ompb.Request) []*commonpb.Block {
	switch op := req.Op.(type) {
	case *ompb.Request_CommitKey:
		return op.CommitKey.GetBlocks()
	case *ompb.Request_CommitPart:
		return op.CommitPart.GetBlocks()
	}
	return nil
}
