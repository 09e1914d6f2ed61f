package s3gtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smoketestSuites are the suites of Ozone's smoketest/s3 and how many cases each has.
var smoketestSuites = map[string]int{
	"awss3": 2, "awss3virtualhost": 1, "boto3": 1, "bucketcreate": 6, "bucketdelete": 4, "buckethead": 3, "bucketlifecycle": 4, "bucketlist": 3,
	"buckettagging": 13, "conditionalput": 5, "freon": 3, "mpu": 20, "objectcopy": 7, "objectcopys3a": 1, "objectdelete": 6, "objecthead": 6,
	"objectlist": 5, "objectmultidelete": 1, "objectputget": 26, "objecttagging": 4, "presignedurl": 2, "rclone": 1, "s3_getsecret": 2,
	"secretgenerate": 5, "secretrevoke": 4, "webui": 1,
}

// Every case of Ozone's suite is asked once, by a case or a test that is there.
func TestSmoketestIsComplete(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Cases() {
		names[c.Name] = true
	}
	asked := map[string]int{}
	for _, row := range Smoketest() {
		for _, n := range numbers(t, row.Numbers) {
			asked[fmt.Sprintf("%s/%d", row.Suite, n)]++
		}
		file, function, elsewhere := strings.Cut(row.By, ":")
		if !elsewhere {
			if !names[row.By] {
				t.Errorf("%s/%s: there is no case %q", row.Suite, row.Numbers, row.By)
			}
			continue
		}
		source, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil || !strings.Contains(string(source), "func "+function+"(") {
			t.Errorf("%s/%s: there is no %s", row.Suite, row.Numbers, row.By)
		}
	}
	total := 0
	for suite, n := range smoketestSuites {
		for i := 1; i <= n; i++ {
			total++
			if id := fmt.Sprintf("%s/%d", suite, i); asked[id] != 1 {
				t.Errorf("%s is asked %d times", id, asked[id])
			}
		}
	}
	if total != 136 || len(asked) != 136 {
		t.Errorf("%d cases in the suites, %d asked, want 136", total, len(asked))
	}
}

// numbers reads "1 2 4" and "1..3".
func numbers(t *testing.T, s string) (out []int) {
	t.Helper()
	for field := range strings.FieldsSeq(s) {
		var from, to int
		if n, _ := fmt.Sscanf(field, "%d..%d", &from, &to); n == 1 {
			to = from
		} else if n == 0 {
			t.Fatalf("%q is no number", field)
		}
		for i := from; i <= to; i++ {
			out = append(out, i)
		}
	}
	return out
}

// Names are Group/Operation/case and distinct, every case runs somewhere, and there
// are as many as promised.
func TestCases(t *testing.T) {
	cases := Cases()
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.Name] {
			t.Errorf("%q is there twice", c.Name)
		}
		seen[c.Name] = true
		if strings.Count(c.Name, "/") < 2 || c.Run == nil {
			t.Errorf("%q is no name of a case", c.Name)
		}
		if c.Modes == 0 {
			t.Errorf("%q is never run", c.Name)
		}
	}
	if len(cases) < 600 {
		t.Errorf("%d cases, want 600", len(cases))
	}
}
