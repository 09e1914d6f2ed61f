// Package version says which build this is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by the linker: -ldflags "-X …/internal/version.release=v1.2.3".
var release string

// Info describes a build.
type Info struct {
	Version  string // release, module version or "devel"
	Revision string // commit, with "-dirty" for a changed tree; "" if unknown
	Built    string // time of the commit, RFC 3339; "" if unknown
	Go       string // version and platform
}

// Get reads what the linker and the toolchain left in the binary.
func Get() Info {
	v := Info{Version: release, Go: fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)}
	build, ok := debug.ReadBuildInfo()
	if ok {
		v.read(build)
	}
	if v.Version == "" {
		v.Version = "devel"
	}
	return v
}

func (v *Info) read(build *debug.BuildInfo) {
	if v.Version == "" && build.Main.Version != "(devel)" {
		v.Version = build.Main.Version
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value + v.Revision
		case "vcs.time":
			v.Built = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				v.Revision += "-dirty"
			}
		}
	}
}

// String is one line for people.
func (v Info) String() string {
	s := v.Version
	if v.Revision != "" {
		s += " (" + v.Revision + ")"
	}
	return s + " " + v.Go
}
