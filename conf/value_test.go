package conf

import (
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "4096": 4096, "1k": 1024, "4MB": 4 << 20, "4 mb": 4 << 20, "4m": 4 << 20, "4MiB": 4 << 20,
		"1.5GB": 3 << 29, "2TB": 2 << 40, "1b": 1, "7EB": 7 << 60, "1PB": 1 << 50,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "-1", "MB", "4X", "4MBB", "1e3", "8EB", "9223372036854775808", "1..5GB", ".5GB", "4 M B", "9.5EB"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("%q: %d", in, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "500ms": 500 * time.Millisecond, "30s": 30 * time.Second, "30 s": 30 * time.Second, "5m": 5 * time.Minute,
		"24h": 24 * time.Hour, "7d": 168 * time.Hour, "1.5d": 36 * time.Hour, "1h30m": 90 * time.Minute, "10us": 10 * time.Microsecond,
	} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("%q: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "30", "-1s", "s", "1y", "1 week", "999999999999d", "d", "1d2h"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for in, want := range map[string]string{
		"om": "om:9862", "om:1": "om:1", ":80": ":80", "0.0.0.0:0": "0.0.0.0:0", "::1": "[::1]:9862", "[::1]": "[::1]:9862",
		"[::1]:7": "[::1]:7", "": "", "om:09862": "om:9862",
	} {
		if got, err := parseAddress(in, "0.0.0.0:9862"); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"om:port", "om:70000", "a b:1", "http://om:9862", "a:b:c", "om:-1", "[om", "a,b"} {
		if got, err := parseAddress(in, "0.0.0.0:9862"); err == nil {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestParseXML(t *testing.T) {
	props, err := ParseXML(strings.NewReader(`<?xml version="1.0"?>
<?xml-stylesheet type="text/xsl" href="configuration.xsl"?>
<!-- comment -->
<configuration>
  <property>
    <name> a </name>
    <value>1 &amp; 2</value>
    <tag>OM</tag><description>text</description><final>true</final>
  </property>
  <property name="b" value="2"/>
  <property><name>c</name></property>
</configuration>`))
	want := []Property{{"a", "1 & 2"}, {"b", "2"}, {"c", ""}}
	if err != nil || len(props) != len(want) {
		t.Fatalf("%v, %v", props, err)
	}
	for i := range want {
		if props[i] != want[i] {
			t.Errorf("got %v", props[i])
		}
	}
	for in, part := range map[string]string{
		"":                                   "no <configuration>",
		"<configuration>":                    "unexpected EOF",
		"<config/>":                          "line 1: want one <configuration>",
		"<configuration/>\n<configuration/>": "line 2: want one <configuration>",
		"<configuration>\n<property><value>1</value></property></configuration>": "line 2: property without a name",
		"<configuration><xi:include href='x'/></configuration>":                  "want <property>, got <include>",
		"<configuration>a=b</configuration>":                                     "text outside",
		"<configuration>&xxe;</configuration>":                                   "entity",
		"<configuration>" + strings.Repeat(" ", maxFile) + "</configuration>":    "more than",
	} {
		if _, err := ParseXML(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%.60s: error %v", in, err)
		}
	}
}

func TestDumpHidesSecrets(t *testing.T) {
	if got := show(Key{Name: "a", Secret: true}, "x"); got != redacted {
		t.Error(got)
	}
	if got := show(Key{Name: "some.endpoint.token"}, "x"); got != redacted {
		t.Error(got)
	}
	if got := show(Key{Name: "a", Secret: true}, ""); got != "" {
		t.Error(got)
	}
	c := Default()
	if err := c.Set("ozone.om.http-address", "a<b", "x"); err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	if err := c.WriteXML(&page); err != nil {
		t.Fatal(err)
	}
	props, err := ParseXML(strings.NewReader(page.String()))
	if err != nil || len(props) != len(keys) {
		t.Errorf("%d properties, %v", len(props), err)
	}
}

func TestDidYouMean(t *testing.T) {
	for in, want := range map[string]string{
		"ozone.om.adress":          "ozone.om.address",
		"ozone.scm.blok.size":      "ozone.scm.block.size",
		"hdds.heartbeat.intervall": "hdds.heartbeat.interval",
		"something.else.entirely":  "",
		strings.Repeat("x", 300):   "",
	} {
		got := didYouMean(in)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%.40s: %q", in, got)
		}
	}
}
