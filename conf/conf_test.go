package conf

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// site writes an ozone-site.xml with the given body into a new directory.
func site(t *testing.T, body string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, SiteFile)
	if err := os.WriteFile(file, []byte("<configuration>"+body+"</configuration>"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

func property(name, value string) string {
	return "<property><name>" + name + "</name><value>" + value + "</value></property>"
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for i, k := range keys {
		if i > 0 && keys[i-1].Name >= k.Name {
			t.Errorf("%s is not in order", k.Name)
		}
		if k.Doc == "" || strings.Contains(k.Doc, "\n") {
			t.Errorf("%s: want a doc of one line", k.Name)
		}
		for _, n := range append(slices.Clone(k.Aliases), k.Name) {
			if seen[n] {
				t.Errorf("%s is there twice", n)
			}
			seen[n] = true
		}
		if _, err := k.parse(k.Default); err != nil {
			t.Errorf("default of %s: %v", k.Name, err)
		}
	}
}

func TestLaterSourcesWin(t *testing.T) {
	dir, file := site(t, property("ozone.om.address", "file")+property("ozone.scm.block.size", "1MB")+property("ozone.scm.chunk.size", "1MB"))
	c, err := Load(Options{
		Environ: []string{"OZONE_CONF_DIR=" + dir, "OZONE-SITE.XML_ozone.scm.block.size=2MB", "OZONE-SITE.XML_ozone.scm.chunk.size=2MB", "CORE-SITE.XML_x=y"},
		Defines: []string{"ozone.scm.chunk.size=3MB"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.String("ozone.om.address"); got != "file:9862" || c.Source("ozone.om.address") != file {
		t.Errorf("address %s from %s", got, c.Source("ozone.om.address"))
	}
	if got := c.Size("ozone.scm.block.size"); got != 2<<20 {
		t.Errorf("block size %d", got)
	}
	if got := c.Size("ozone.scm.chunk.size"); got != 3<<20 || !strings.Contains(c.Source("ozone.scm.chunk.size"), "command line") {
		t.Errorf("chunk size %d from %s", got, c.Source("ozone.scm.chunk.size"))
	}
	if got := c.Duration("hdds.heartbeat.interval"); got != 3*time.Second || c.IsSet("hdds.heartbeat.interval") {
		t.Errorf("heartbeat %s", got)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

func TestWhereTheFileMayBe(t *testing.T) {
	dir, file := site(t, property("ozone.om.address", "here"))
	empty := t.TempDir()
	for _, tc := range []struct {
		name string
		o    Options
		want string // address, or part of the error after "!"
	}{
		{"file", Options{File: file}, "here:9862"},
		{"file that is a directory", Options{File: dir}, "here:9862"},
		{"directory", Options{Dir: dir}, "here:9862"},
		{"--conf wins", Options{File: file, Environ: []string{"OZONE_CONF_DIR=" + empty}}, "here:9862"},
		{"directory without file", Options{Dir: empty}, "0.0.0.0:9862"},
		{"missing file", Options{File: filepath.Join(empty, "x.xml")}, "!no such file"},
		{"--conf directory without file", Options{File: empty}, "!no such file"},
		{"nothing", Options{}, "0.0.0.0:9862"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := Load(tc.o)
			if part, bad := strings.CutPrefix(tc.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.String("ozone.om.address"); got != tc.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestErrorsNameKeyValueAndSource(t *testing.T) {
	_, file := site(t, property("ozone.scm.block.size", "huge")+property("ozone.security.enabled", "yes"))
	_, err := Load(Options{File: file, Defines: []string{"hdds.heartbeat.interval=30"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{file, "ozone.scm.block.size", `"huge"`, "ozone.security.enabled", `"yes"`, "command line", "hdds.heartbeat.interval", `"30"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func TestUnknownKeysWarn(t *testing.T) {
	_, file := site(t, property("ozone.om.adress", "om")+property("data.root", "/d")+property("hdds.datanode.dir", "${data.root}/a, ${data.root}/b"))
	c, err := Load(Options{File: file, Defines: []string{"no.such=1"}})
	if err != nil {
		t.Fatal(err)
	}
	w := strings.Join(c.Warnings(), "\n")
	if !strings.Contains(w, "ozone.om.adress is ignored (did you mean ozone.om.address?)") || !strings.Contains(w, "no.such is ignored") || strings.Contains(w, "data.root") {
		t.Errorf("warnings:\n%s", w)
	}
	if got := c.Strings("hdds.datanode.dir"); !slices.Equal(got, []string{"/d/a", "/d/b"}) {
		t.Errorf("dirs %q", got)
	}
}

func TestOlderName(t *testing.T) {
	c, err := Load(Options{Defines: []string{"ozone.replication=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Int("ozone.server.default.replication"); got != 1 {
		t.Errorf("replication %d", got)
	}
}

func TestExpand(t *testing.T) {
	c := Default()
	c.env["HOME"] = "/h"
	c.put("a", "1", "")
	c.put("b", "${a}${a}", "")
	c.put("which", "a", "")
	c.put("loop", "${loop}", "")
	for in, want := range map[string]string{
		"plain":                    "plain",
		"${b}-${a}":                "11-1",
		"${${which}}":              "1",
		"${nobody}/${a}":           "${nobody}/1",
		"${env.HOME}/x":            "/h/x",
		"${env.NONE:-/tmp}":        "/tmp",
		"${env.NONE}":              "${env.NONE}",
		"${ozone.scm.block.size}":  "256MB",
		"$a $ {a} ${} ${ a }":      "$a $ {a} ${} ${ a }",
		"${loop}":                  "!refer to each other",
		strings.Repeat("${a}", 21): "!substitutions",
	} {
		got, err := c.expand(in)
		if part, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %v", in, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: got %q, %v", in, got, err)
		}
	}
}

func TestSet(t *testing.T) {
	c := Default()
	if err := c.Set("ozone.scm.block.size", "1GB", "test"); err != nil || c.Size("ozone.scm.block.size") != 1<<30 {
		t.Fatal(err)
	}
	if err := c.Set("ozone.scm.block.size", "-1", "test"); err == nil || c.Size("ozone.scm.block.size") != 1<<30 {
		t.Errorf("bad value: %v", err)
	}
	if err := c.Set("ozone.scm.blocksize", "1", "test"); err == nil || !strings.Contains(err.Error(), "did you mean") {
		t.Errorf("bad key: %v", err)
	}
}

func TestDial(t *testing.T) {
	for in, want := range map[string]string{
		"0.0.0.0:1": "127.0.0.1:1", ":1": "127.0.0.1:1", "[::]:1": "127.0.0.1:1", "om": "om:9862", "[::1]:1": "[::1]:1", "": "",
	} {
		c := Default()
		if err := c.Set("ozone.om.address", in, "test"); err != nil {
			t.Fatal(err)
		}
		if got := c.Dial("ozone.om.address"); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestCloneIsIndependent(t *testing.T) {
	a := Default()
	b := a.Clone()
	if err := b.Set("ozone.om.address", "b", "test"); err != nil {
		t.Fatal(err)
	}
	if a.IsSet("ozone.om.address") || !b.IsSet("ozone.om.address") {
		t.Error("a clone shares its settings")
	}
}

func TestProgramErrorsPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"unknown": func() { Default().String("nothing") },
		"kind":    func() { Default().Bool("ozone.scm.block.size") },
		"source":  func() { Default().Source("nothing") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// Keys with an environment variable of their own: it goes behind the long form.
func TestOwnVariable(t *testing.T) {
	_, file := site(t, property("ozone.admin.key.file", "in-file"))
	const own, long = "OZONE_ADMIN_KEY_FILE=own", "OZONE-SITE.XML_ozone.admin.key.file=long"
	for _, tc := range []struct {
		environ, defines []string
		want, source     string
	}{
		{nil, nil, "in-file", file},
		{[]string{"OZONE_ADMIN_KEY_FILE="}, nil, "in-file", file},
		{[]string{own}, nil, "own", "environment OZONE_ADMIN_KEY_FILE"},
		{[]string{long, own}, nil, "long", "environment OZONE-SITE.XML_ozone.admin.key.file"},
		{[]string{own}, []string{"ozone.admin.key.file=define"}, "define", "command line -D ozone.admin.key.file"},
	} {
		c, err := Load(Options{File: file, Environ: tc.environ, Defines: tc.defines})
		if err != nil {
			t.Fatal(err)
		}
		if got, source := c.String("ozone.admin.key.file"), c.Source("ozone.admin.key.file"); got != tc.want || source != tc.source {
			t.Errorf("%v %v: %q from %q", tc.environ, tc.defines, got, source)
		}
	}
	c, err := Load(Options{Environ: []string{"OZONE_OM_S3_SECRET_KEY=0123456789"}})
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	if err := c.WriteXML(&shown); err != nil || strings.Contains(shown.String(), "0123456789") {
		t.Errorf("the key is shown, or %v", err)
	}
}
