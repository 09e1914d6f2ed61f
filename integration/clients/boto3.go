package clients

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed boto3_client.py
var boto3Script []byte

// Boto3 runs a script over boto3 with its default integrity settings, with every
// python on the machine that has boto3 (old and new differ in checksums).
func Boto3(t *testing.T, ep Endpoint) {
	ran := false
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		bin, err := exec.LookPath(python)
		if err != nil {
			continue
		}
		c := newCommand(t, ep)
		version, err := c.try(bin, "-c", "import boto3; print(boto3.__version__, end='')")
		if err != nil {
			continue
		}
		script := filepath.Join(c.dir, "client.py")
		if err := os.WriteFile(script, boto3Script, 0o644); err != nil {
			t.Fatal(err)
		}
		ran = true
		t.Run(version, func(t *testing.T) {
			c.t = t
			wantIn(t, c.run(bin, script, ep.URL), "PASSED")
		})
	}
	if !ran {
		t.Fatal("no python with boto3 is installed")
	}
}
