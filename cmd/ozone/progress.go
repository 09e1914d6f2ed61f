package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/mini-ozone/mini-ozone/internal/daemon"
)

// progressFrom is the size from which a transfer shows its progress.
const progressFrom = 16 << 20

// progress is a bar on a terminal, or nothing: its methods work on both.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress starts a bar for a transfer of size bytes (-1: unknown) if w is a
// terminal and the transfer is long.
func newProgress(w io.Writer, size int64, what string) progress {
	if !daemon.IsTerminal(w) || size >= 0 && size < progressFrom {
		return progress{}
	}
	return progress{progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(),
	)}
}

func (p progress) reader(r io.Reader) io.Reader {
	if p.bar == nil {
		return r
	}
	return io.TeeReader(r, p.bar)
}

func (p progress) writer(w io.Writer) io.Writer {
	if p.bar == nil {
		return w
	}
	return io.MultiWriter(w, p.bar)
}

// Close takes the bar away.
func (p progress) Close() {
	if p.bar != nil {
		_ = p.bar.Finish() // only the terminal can fail
	}
}
