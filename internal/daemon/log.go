package daemon

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// timeFormat is RFC 3339 with milliseconds, always in UTC: logs of several
// servers can be merged by sorting.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// NewLogger writes to w: lines for people when w is a terminal, else JSON.
func NewLogger(w io.Writer, program string, level zerolog.Level) zerolog.Logger {
	if IsTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000"}
	}
	return zerolog.New(w).Level(level).Hook(stamp{}).With().Str("program", program).Logger()
}

// IsTerminal tells whether w is one.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// stamp adds the time of an event without zerolog's global time format.
type stamp struct{}

func (stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format(timeFormat))
}
