package conf

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
)

// What ParseXML accepts, it accepts again after being written out.
func FuzzParseXML(f *testing.F) {
	f.Add([]byte("<configuration><property><name>a</name><value>1</value></property></configuration>"))
	f.Add([]byte(`<configuration><property name="b" value="&lt;"/><!-- c --></configuration>`))
	f.Add([]byte("<configuration><property></configuration>"))
	f.Fuzz(func(t *testing.T, in []byte) {
		props, err := ParseXML(bytes.NewReader(in))
		if err != nil {
			return
		}
		var out strings.Builder
		out.WriteString("<configuration>")
		for _, p := range props {
			out.WriteString("<property><name>")
			_ = xml.EscapeText(&out, []byte(p.Name))
			out.WriteString("</name><value>")
			_ = xml.EscapeText(&out, []byte(p.Value))
			out.WriteString("</value></property>")
		}
		out.WriteString("</configuration>")
		again, err := ParseXML(strings.NewReader(out.String()))
		if err != nil || len(again) != len(props) {
			t.Fatalf("%q: %d properties became %d, %v", in, len(props), len(again), err)
		}
		for i := range props {
			if props[i] != again[i] {
				t.Fatalf("%q became %q", props[i], again[i])
			}
		}
	})
}

// No text makes a parser panic, and sizes and times are never negative.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"4MB", "1.5GB", "30s", "7d", "om:9862", "[::1]:1", "a,b", "true", "-1", "${a}", "9999999999999999999EB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if n, err := ParseSize(in); err == nil && n < 0 {
			t.Errorf("size %d", n)
		}
		if d, err := ParseDuration(in); err == nil && d < 0 {
			t.Errorf("time %s", d)
		}
		if a, err := parseAddress(in, "0.0.0.0:1"); err == nil && a != "" {
			if b, err := parseAddress(a, ""); err != nil || a != b {
				t.Errorf("address %q became %q, %v", a, b, err)
			}
		}
	})
}

// Expansion ends, whatever refers to whatever.
func FuzzExpand(f *testing.F) {
	f.Add("${a}", "${b}", "${a}${a}")
	f.Add("x${env.A:-${a}}", "1", "")
	f.Fuzz(func(t *testing.T, text, a, b string) {
		c := Default()
		c.put("a", a, "")
		c.put("b", b, "")
		if out, err := c.expand(text); err == nil && len(out) > maxExpanded+len(text) {
			t.Errorf("%d bytes", len(out))
		}
	})
}
