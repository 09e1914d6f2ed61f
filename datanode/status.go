package datanode

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/mini-ozone/mini-ozone/internal/version"
	"github.com/mini-ozone/mini-ozone/proto/dnpb"
)

//go:embed status.html
var statusHTML string

var statusTemplate = template.Must(template.New("status").Funcs(template.FuncMap{"bytes": humanize.IBytes}).Parse(statusHTML))

// maxShown bounds the list of containers on the page.
const maxShown = 200

// statusPage shows people what the datanode has.
func (s *Server) statusPage(w http.ResponseWriter, _ *http.Request) {
	containers, _, _ := s.set.Reports(0)
	slices.SortStableFunc(containers, func(a, b *dnpb.ContainerReport) int {
		return strings.Compare(b.State.String(), a.State.String()) // unhealthy ones first
	})
	ready := "yes"
	if err := s.Ready(); err != nil {
		ready = err.Error()
	}
	var page bytes.Buffer
	err := statusTemplate.Execute(&page, map[string]any{
		"Node": s.id.node, "Cluster": s.cluster(), "Host": s.host, "Address": s.rpcAddr, "Ready": ready,
		"Version": version.Get().Version, "Disks": s.set.Disks(), "Total": len(containers),
		"Containers": containers[:min(len(containers), maxShown)],
	})
	if err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(page.Bytes()) // the reader went away
}
