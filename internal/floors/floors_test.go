package floors

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mini-ozone/mini-ozone/"

// rule: packages under from never import packages under to. A rule is about
// everything that is reached through other packages too, unless direct is set.
type rule struct {
	from, to []string
	direct   bool
	why      string
}

var rules = []rule{
	{from: []string{"om"}, to: []string{"datanode", "client", "s3g"},
		why: "om never dials: orders ride back on heartbeat replies"},
	{from: []string{"client"}, to: []string{"om", "datanode", "s3g"},
		why: "the client knows servers through its three interfaces"},
	{from: []string{"datanode"}, to: []string{"om", "s3g"},
		why: "a datanode knows om as an interface"},
	{from: []string{"s3g"}, to: []string{"om", "datanode"},
		why: "the gateway knows three store interfaces"},
	{from: []string{"s3g"}, to: []string{"proto"}, direct: true,
		why: "the gateway's types are the client's plain structs"},
	{from: []string{"om", "datanode", "client", "s3g", "conf", "internal", "proto", "ozonetest"}, to: []string{"cmd"},
		why: "a main is nobody's library"},
	// The ground floor imports nothing of ours.
	{from: []string{"conf", "datanode/vfs", "s3g/s3err", "internal/version", "internal/dirlock", "internal/crc32c"}, to: []string{""},
		why: "the ground floor stands on nothing of ours"},
	{from: []string{"s3g/sigv4", "s3g/s3xml"}, to: []string{"om", "datanode", "client", "conf", "internal", "proto", "s3g/payload"},
		why: "parsers of S3's formats know only its errors"},
	{from: []string{"proto"}, to: []string{"om", "datanode", "client", "s3g", "conf", "internal"},
		why: "messages know only messages"},
	{from: []string{"internal/ozerr", "internal/daemon", "internal/rpc"}, to: []string{"om", "datanode", "client", "s3g"},
		why: "shells and transport know no server"},
}

// under tells whether the package path (without the module) is dir or below it.
func under(pkg string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return dir == "" || pkg == dir || strings.HasPrefix(pkg, dir+"/")
	})
}

func TestFloors(t *testing.T) {
	const format = "{{.ImportPath}};{{join .Imports \",\"}};{{join .Deps \",\"}}"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", format, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), ";")
		pkg, ours := strings.CutPrefix(f[0], module)
		if !ours {
			continue
		}
		packages++
		for _, r := range rules {
			if !under(pkg, r.from) {
				continue
			}
			reached := f[2]
			if r.direct {
				reached = f[1]
			}
			for _, dep := range strings.Split(reached, ",") {
				if dep, ours := strings.CutPrefix(dep, module); ours && dep != pkg && under(dep, r.to) {
					t.Errorf("%s must not reach %s: %s", pkg, dep, r.why)
				}
			}
		}
	}
	if packages < 10 {
		t.Errorf("only %d packages were seen", packages)
	}
}
