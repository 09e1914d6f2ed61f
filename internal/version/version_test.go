package version

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	var v Info
	v.read(&debug.BuildInfo{
		Main: debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"},
		},
	})
	if want := (Info{Version: "v1.2.3", Revision: "abc-dirty", Built: "2026-01-02T03:04:05Z"}); v != want {
		t.Errorf("got %+v", v)
	}
	if got := v.String(); !strings.HasPrefix(got, "v1.2.3 (abc-dirty)") {
		t.Error(got)
	}
	if Get().Version == "" {
		t.Error("no version")
	}
}
