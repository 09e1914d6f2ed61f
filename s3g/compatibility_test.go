package s3g_test

import (
	"bytes"
	_ "embed"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/mini-ozone/mini-ozone/s3g"
	"github.com/mini-ozone/mini-ozone/s3g/s3gtest"
)

// The page is written anew by: go test ./s3g -run TestCompatibilityPage -update
var update = flag.Bool("update", false, "write docs/s3-compatibility.md")

const compatibilityPage = "../docs/s3-compatibility.md"

//go:embed testdata/compatibility.md
var compatibilityText string

// chapter is a group of cases, as the page tells it.
type chapter struct {
	Group                      string
	Operations                 int
	Cases, Open, Secure, Apart int
}

// difference is a reason for which cases differ from AWS, and which.
type difference struct {
	Reason string
	Cases  []string
}

// docs/s3-compatibility.md says what the route table and the cases say.
func TestCompatibilityPage(t *testing.T) {
	var page bytes.Buffer
	tmpl := template.Must(template.New("").Funcs(template.FuncMap{"lines": lines}).Parse(compatibilityText))
	have, lack := operations()
	chapters, differences := chapters(s3gtest.Cases())
	err := tmpl.Execute(&page, map[string]any{
		"Have": have, "Lack": lack, "Chapters": chapters, "Differences": differences, "Cases": len(s3gtest.Cases()),
	})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(compatibilityPage, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(compatibilityPage); err != nil || !bytes.Equal(got, page.Bytes()) {
		t.Errorf("docs/s3-compatibility.md is stale (%v): run go test ./s3g -run TestCompatibilityPage -update", err)
	}
}

// lines are names in lines that an editor shows whole.
func lines(names []string) string {
	var b strings.Builder
	width := 0
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
			if width += 2; width+len(name) > 120 {
				b.WriteString("\n")
				width = 0
			}
		}
		b.WriteString(name)
		width += len(name)
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

// operations are AWS's operations that we have, and those that answer 501.
func operations() (have, lack []string) {
	for _, r := range s3g.Routes() {
		switch {
		case r.Op == "BrowseBucket": // our own
		case r.Implemented && !slices.Contains(have, r.Op):
			have = append(have, r.Op)
		case !r.Implemented && !slices.Contains(lack, r.Op):
			lack = append(lack, r.Op)
		}
	}
	slices.Sort(have)
	slices.Sort(lack)
	return have, lack
}

func chapters(cases []*s3gtest.Case) (groups []chapter, differences []difference) {
	ops := map[string]bool{}
	for _, c := range cases {
		at := slices.IndexFunc(groups, func(g chapter) bool { return g.Group == c.Group() })
		if at < 0 {
			groups = append(groups, chapter{Group: c.Group()})
			at = len(groups) - 1
		}
		g := &groups[at]
		g.Cases++
		if c.Modes&s3gtest.Open != 0 {
			g.Open++
		}
		if c.Modes&s3gtest.Secure != 0 {
			g.Secure++
		}
		if op := c.Group() + "/" + c.Operation(); !ops[op] {
			ops[op] = true
			g.Operations++
		}
		if c.Differs == "" {
			continue
		}
		g.Apart++
		i := slices.IndexFunc(differences, func(d difference) bool { return d.Reason == c.Differs })
		if i < 0 {
			differences = append(differences, difference{Reason: c.Differs})
			i = len(differences) - 1
		}
		differences[i].Cases = append(differences[i].Cases, c.Name)
	}
	return groups, differences
}
