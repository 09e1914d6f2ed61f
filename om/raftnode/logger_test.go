package raftnode

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

func TestRaftLogsAtOurLevels(t *testing.T) {
	tests := []struct {
		alone bool
		level hclog.Level
		want  string
	}{
		{false, hclog.Info, "debug"},
		{false, hclog.Warn, "warn"},
		{true, hclog.Warn, "debug"},
		{true, hclog.Error, "error"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		newLogger(zerolog.New(&out), tt.alone).Log(tt.level, "hello", "key", 1)
		want := `{"level":"` + tt.want + `","lib":"raft","message":"hello: key=1"}`
		if got := strings.TrimSpace(out.String()); got != want {
			t.Errorf("%s, alone %t: got %s, want %s", tt.level, tt.alone, got, want)
		}
	}
}
