package integration

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
)

// localRun is `ozone local run` as a process of its own.
type localRun struct {
	cmd      *exec.Cmd
	endpoint string // of S3
	om       string // host:port
	took     time.Duration
	done     chan struct{} // its output has ended
}

// startLocal runs `ozone local run` on dir with free ports and waits until it says
// that it is ready.
func startLocal(t *testing.T, dir string, args ...string) *localRun {
	t.Helper()
	ports, err := freePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	l := &localRun{om: fmt.Sprintf("127.0.0.1:%d", ports[1]), done: make(chan struct{})}
	l.cmd = exec.Command(filepath.Join(programs(t), "ozone"), append([]string{"local", "run", "--data-dir", dir,
		"--s3g-port", fmt.Sprint(ports[0]), "--om-port", fmt.Sprint(ports[1])}, args...)...)
	var stderr bytes.Buffer
	l.cmd.Stderr = &stderr
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.kill() })
	want := fmt.Sprintf("http://localhost:%d", ports[0])
	alt := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	ready := make(chan bool, 1)
	go func() {
		defer close(l.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) || strings.Contains(lines.Text(), alt) {
				select {
				case ready <- true:
				default:
				}
			}
		}
		close(ready)
	}()
	select {
	case ok := <-ready:
		if !ok {
			_ = l.cmd.Wait()
			t.Fatalf("ozone local run ended:\n%s", stderr.String())
		}
	case <-time.After(readyTimeout):
		t.Fatal("ozone local run does not say that it is ready")
	}
	l.endpoint, l.took = alt, time.Since(began)
	return l
}

func (l *localRun) kill() {
	if l.cmd.ProcessState == nil {
		_ = l.cmd.Process.Kill()
		<-l.done
		_ = l.cmd.Wait()
	}
}

// interrupt is Ctrl-C; it returns how the process ended.
func (l *localRun) interrupt() error {
	if err := l.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	<-l.done
	return l.cmd.Wait()
}

// TestLocalRun runs the real clients and Ozone's S3 cases against
// `ozone local run`, then kills it and starts it again.
func TestLocalRun(t *testing.T) {
	dir := t.TempDir()
	l := startLocal(t, dir)
	t.Logf("ready after %v", l.took)
	t.Run("clients", func(t *testing.T) { runClients(t, open(l.endpoint)) })
	t.Run("S3 cases", func(t *testing.T) {
		s3gtest.Run(t, s3gtest.Target{URL: l.endpoint, AccessKey: "s3cases", SecretKey: "any", Has: s3gtest.EncryptionKey})
	})
	t.Run("shell", func(t *testing.T) { shell(t, l.om) })

	s3 := &plainS3{endpoint: l.endpoint, http: &http.Client{Timeout: requestTimeout}}
	mustPut(t, s3, "/kept", nil)
	bodies := map[string][]byte{}
	for i := range 50 {
		name := fmt.Sprintf("/kept/%d", i)
		bodies[name] = bytes.Repeat([]byte{byte(i)}, i*i*1000)
		mustPut(t, s3, name, bodies[name])
	}
	l.kill()
	l = startLocal(t, dir)
	s3.endpoint = l.endpoint
	for name, body := range bodies {
		mustGet(t, s3, name, body)
	}
	if err := l.interrupt(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
}

// shell does with the command line what a user does, against a running om.
func shell(t *testing.T, om string) {
	ozone := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(programs(t), "ozone"), append([]string{"-D", "ozone.om.address=" + om}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := ozone(args...)
		if err != nil {
			t.Fatalf("ozone %v: %v\n%s", args, err, out)
		}
		return out
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("shell "), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	must("sh", "volume", "create", "/shell")
	must("sh", "bucket", "create", "/shell/shellbucket")
	must("sh", "key", "put", "/shell/shellbucket/a/key", file)
	must("sh", "key", "get", "/shell/shellbucket/a/key", file+".back")
	want, _ := os.ReadFile(file)
	if got, err := os.ReadFile(file + ".back"); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the shell got other bytes back: %v", err)
	}
	if out := must("sh", "key", "cat", "/shell/shellbucket/a/key"); out != string(want) {
		t.Fatal("cat printed other bytes")
	}
	path := must("sh", "bucket", "path", "shellbucket")
	if want := "Volume name for S3Bucket is : shell\nOzone FileSystem Uri is : o3fs://shellbucket.shell\n"; path != want {
		t.Fatalf("bucket path printed %q", path)
	}
	if out, err := ozone("sh", "bucket", "path", "nosuchbucket"); exitCode(err) != 255 || strings.Count(out, "\n") != 1 {
		t.Fatalf("bucket path of a missing bucket: %v\n%s", err, out)
	}
	must("sh", "key", "delete", "/shell/shellbucket/a/key")
	must("sh", "bucket", "delete", "/shell/shellbucket")
	must("sh", "volume", "delete", "/shell")
}

func exitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}

func mustPut(t *testing.T, s3 *plainS3, name string, body []byte) {
	t.Helper()
	if status, err := s3.put(name, body); err != nil || status != http.StatusOK {
		t.Fatalf("PUT %s: status %d, %v", name, status, err)
	}
}

func mustGet(t *testing.T, s3 *plainS3, name string, want []byte) {
	t.Helper()
	status, body, err := s3.get(name)
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET %s: status %d, %v", name, status, err)
	}
	if !bytes.Equal(body, want) {
		t.Fatalf("GET %s: other bytes came back (%d, want %d)", name, len(body), len(want))
	}
}

// TestStart is the promise of a start: `ozone local run` on an empty directory
// answers S3 soon. The bound is loose because tests share the machine; the figure
// is logged.
func TestStart(t *testing.T) {
	l := startLocal(t, t.TempDir())
	t.Logf("ozone local run was ready after %v", l.took)
	if l.took > 5*time.Second {
		t.Errorf("ozone local run took %v", l.took)
	}
	resp, err := http.Get(l.endpoint + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("ListAllMyBucketsResult")) {
		t.Errorf("GET /: %s\n%s", resp.Status, body)
	}
}

// newHTTP is a client whose connections end with the test.
func newHTTP(t *testing.T) *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: requestTimeout}
}
