package integration

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed skewed_time.go.txt
var skewedTime []byte

// ClockFile is the environment variable that names the file with the offset of the clock
// of a program built with BuildWithClocks; see SetClock.
const ClockFile = "MINI_CLOCK_FILE"

// SetClock makes the clock of the programs that were started with this file wrong by
// whole seconds, at once: for those that run, it jumps. The file must be made, by this
// too, before they start.
func SetClock(file string, by time.Duration) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(binary.NativeEndian.AppendUint64(nil, uint64(by/time.Second)))
	return errors.Join(err, f.Close())
}

// BuildWithClocks is Build with a clock that can be set wrong for each process. Nothing
// in the programs knows of it: Go's own time.Now is replaced while they are compiled.
// As after a real jump, the monotonic clock (timers, deadlines, time.Since) goes on.
func BuildWithClocks(ctx context.Context, dir string) error {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	lib := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	source, err := os.ReadFile(filepath.Join(lib, "time.go"))
	if err != nil {
		return err
	}
	const now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if bytes.Count(source, []byte(now)) != 1 {
		return errors.New("time.Now of this Go is not what it was: adapt BuildWithClocks")
	}
	tmp, err := os.MkdirTemp("", "mini-ozone-clock")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	replaced := map[string]string{}
	for name, text := range map[string][]byte{
		"time.go":        bytes.Replace(source, []byte(now), []byte(now+"\tsec += skewed()\n"), 1),
		"skewed_time.go": skewedTime,
	} {
		replaced[filepath.Join(lib, name)] = filepath.Join(tmp, name)
		if err := os.WriteFile(filepath.Join(tmp, name), text, 0o644); err != nil {
			return err
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return err
	}
	file := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o644); err != nil {
		return err
	}
	return Build(ctx, dir, "-overlay="+file)
}
