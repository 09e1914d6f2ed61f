package om

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/mini-ozone/mini-ozone/internal/adminkey"
	"github.com/mini-ozone/mini-ozone/internal/daemon"
	"github.com/mini-ozone/mini-ozone/om/placement"
	"github.com/mini-ozone/mini-ozone/om/raftnode"
	"github.com/mini-ozone/mini-ozone/om/replication"
	"github.com/mini-ozone/mini-ozone/om/state"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

//go:embed page.html
var pageSource string

// shownContainers on the page, the newest.
const shownContainers = 50

// webHandler serves the page at / beside health, metrics and configuration. The
// page needs no script and nothing from elsewhere, and says so to the browser.
func (s *Server) webHandler() http.Handler {
	mux := daemon.DebugMux(daemon.DebugOptions{
		Ready: s.Ready, Registry: s.metrics.registry, Conf: s.cfg.Conf, Pprof: s.cfg.Pprof, Secure: s.cfg.Secure,
	})
	tmpl := template.Must(template.New("page").Parse(pageSource))
	style := styleHash(pageSource)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		p, err := s.page()
		var out bytes.Buffer
		if err == nil {
			err = tmpl.Execute(&out, p)
		}
		if err != nil {
			http.Error(w, "the page cannot be shown now: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+style+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		_, _ = w.Write(out.Bytes()) // the client is gone if this fails
	})
	return daemon.Guard(mux, s.cfg.Secure, adminkey.PagesToken(s.admin))
}

// styleHash names the page's one style sheet for the content security policy.
func styleHash(source string) string {
	_, rest, _ := strings.Cut(source, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// page is what the template shows: this om's own view, which on a follower may be
// a moment old.
type page struct {
	ID, ClusterID, Security string
	Leading                 bool
	Stats                   raftnode.Stats
	Roles                   []pageRole
	Nodes                   []pageNode
	Containers              []pageContainer
	MoreContainers          bool
	Health                  []pageHealth // the leader's, open containers aside
	Damaged                 []string     // states that were moved aside
	At                      string
}

type pageRole struct{ ID, Address, Raft, Role string }

type pageHealth struct {
	Name, Class string
	Count       uint64
}

type pageNode struct {
	ID, Address, Rack, Health, OpState, Version, Seen string
	Used, Remaining, Capacity                         string
	Containers                                        int
}

type pageContainer struct {
	ID                            uint64
	State, Replication, Used, Age string
	Blocks                        uint64
	Nodes                         []string
}

// security is the mode, for people.
func (s *Server) security() string {
	if s.cfg.Secure {
		return "secure: requests are signed, callers know the admin key"
	}
	return "open: any access key works"
}

func (s *Server) page() (*page, error) {
	if !s.isOpen() {
		return nil, errors.New(s.whyEarly())
	}
	_, leading := s.node.Leading()
	p := &page{ID: s.cfg.ID, Leading: leading, Stats: s.node.Stats(), Security: s.security(),
		At: time.Now().UTC().Format(time.RFC3339)}
	p.Damaged = s.asides()
	for _, r := range s.members() {
		p.Roles = append(p.Roles, pageRole{r.ID, r.RPCAddress, r.RaftAddress, roleName(r)})
	}
	if t := s.present(); t != nil {
		p.Health = pageHealths(t.repl.status().ByHealth)
	}
	err := s.node.View(func(tx *table.Txn) error {
		p.ClusterID = state.ClusterID(tx)
		state.Nodes(tx, func(n *ompb.NodeInfo) bool {
			p.Nodes = append(p.Nodes, s.pageNode(n))
			return true
		})
		state.Containers(tx, func(c *ompb.ContainerInfo) bool {
			p.Containers = append(p.Containers, s.pageContainer(c))
			if len(p.Containers) > shownContainers {
				p.Containers, p.MoreContainers = p.Containers[1:], true
			}
			return true
		})
		return nil
	})
	return p, err
}

// pageHealths lists what there is; what ought not to be is marked.
func pageHealths(counts map[string]uint64) (out []pageHealth) {
	for _, h := range replication.Healths() {
		n := counts[string(h)]
		if n == 0 {
			continue
		}
		class := "warn"
		switch h {
		case replication.Healthy, replication.Empty:
			class = ""
		case replication.Missing, replication.Unhealthy:
			class = "bad"
		}
		out = append(out, pageHealth{string(h), class, n})
	}
	return out
}

func (s *Server) pageNode(n *ompb.NodeInfo) pageNode {
	st := s.view.Status(n.GetNode().GetId())
	out := pageNode{
		ID: n.Node.GetId(), Address: n.Node.GetAddress(), Rack: n.Node.GetRack(), Health: string(st.Health),
		OpState: cmp.Or(n.OpState, inService),
		Version: st.Version, Seen: "never", Containers: st.Containers,
		Used: humanize.IBytes(st.Used), Remaining: humanize.IBytes(st.Remaining), Capacity: humanize.IBytes(st.Capacity),
	}
	if !st.Seen.IsZero() {
		out.Seen = humanize.Time(st.Seen)
	}
	return out
}

func (s *Server) pageContainer(c *ompb.ContainerInfo) pageContainer {
	used, blocks := s.view.Usage(c.Id, c.Nodes)
	return pageContainer{
		ID: c.Id, State: dnpb.ContainerState(c.State).String(), Replication: c.Replication,
		Used: humanize.IBytes(used), Blocks: blocks, Age: humanize.Time(time.Unix(0, c.CreatedNs)), Nodes: c.Nodes,
	}
}

// HealthClass is the style of a health word.
func (n pageNode) HealthClass() string {
	switch placement.Health(n.Health) {
	case placement.Healthy:
		return "good"
	case placement.Stale:
		return "warn"
	}
	return "bad"
}
