package raftnode

import (
	"bytes"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

// newLogger lets raft write into our log: its information is our debug level,
// since it reports every marker and every retry. alone also hides the warnings: of
// a single voter they only tell that it elects itself.
func newLogger(log zerolog.Logger, alone bool) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Level:       hclog.Info,
		DisableTime: true,
		Output:      logWriter{log.With().Str("lib", "raft").Logger(), alone},
	})
}

type logWriter struct {
	log   zerolog.Logger
	alone bool
}

// Write takes one line of hclog: "[WARN]  message: key=value".
func (w logWriter) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	level := zerolog.DebugLevel
	if rest, ok := strings.CutPrefix(text, "["); ok {
		if name, msg, ok := strings.Cut(rest, "]"); ok {
			text = strings.TrimSpace(msg)
			switch name {
			case "WARN":
				if !w.alone {
					level = zerolog.WarnLevel
				}
			case "ERROR":
				level = zerolog.ErrorLevel
			}
		}
	}
	w.log.WithLevel(level).Msg(text)
	return len(line), nil
}
