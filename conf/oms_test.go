package conf

import (
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T, defines ...string) *Config {
	t.Helper()
	c, err := Load(Options{Defines: defines})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var threeOMs = []string{
	"ozone.om.service.ids=cluster", "ozone.om.nodes.cluster=om1, om2,om3", "ozone.om.address.cluster.om1=host1",
	"ozone.om.address.cluster.om2=host2:1", "ozone.om.address.cluster.om3=host3", "ozone.om.ratis-port.cluster.om3=7",
}

func TestOMs(t *testing.T) {
	c := load(t, threeOMs...)
	if w := c.Warnings(); len(w) > 0 {
		t.Errorf("warnings %q", w)
	}
	oms, err := c.OMs()
	want := []OM{{"om1", "host1:9862", "host1:9872"}, {"om2", "host2:1", "host2:9872"}, {"om3", "host3:9862", "host3:7"}}
	if err != nil || !slices.Equal(oms, want) {
		t.Errorf("%v, %v", oms, err)
	}
	if _, _, err := c.OwnOM(); err == nil || !strings.Contains(err.Error(), "ozone.om.node.id") {
		t.Errorf("an om that was not told which it is: %v", err)
	}
	c = load(t, append(slices.Clone(threeOMs), "ozone.om.node.id=om2", "ozone.om.http-address.cluster.om2=:8")...)
	if own, all, err := c.OwnOM(); err != nil || own != want[1] || len(all) != 3 {
		t.Errorf("%v %v %v", own, all, err)
	}
	if key, err := c.OMHTTPKey(); err != nil || c.Dial(key) != "127.0.0.1:8" {
		t.Errorf("web at %s, %v", key, err)
	}
	i := slices.IndexFunc(c.Dump(), func(s Setting) bool { return s.Name == "ozone.om.ratis.port.cluster.om3" && s.Value == "7" })
	if i < 0 {
		t.Error("a key of one om is not shown")
	}
}

func TestOMsWithoutAService(t *testing.T) {
	c := load(t, "ozone.om.address=host")
	if own, all, err := c.OwnOM(); err != nil || own != (OM{ID: "om1", Address: "host:9862"}) || len(all) != 1 {
		t.Errorf("%v %v %v", own, all, err)
	}
	if key, err := c.OMHTTPKey(); err != nil || key != "ozone.om.http-address" {
		t.Errorf("web at %s, %v", key, err)
	}
}

func TestWrongOMs(t *testing.T) {
	for want, more := range map[string]string{
		"is not in ozone.om.service.ids":          "ozone.om.internal.service.id=other",
		"internal.service.id must say":            "ozone.om.service.ids=cluster,more",
		"ozone.om.nodes.none is not set":          "ozone.om.service.ids=none",
		"ozone.om.address.cluster.om4 is not set": "ozone.om.nodes.cluster=om1,om4",
		"names no om": "ozone.om.nodes.cluster=",
		"om2 has the name or an address of anothe": "ozone.om.address.cluster.om2=host1",
	} {
		if _, err := load(t, append(slices.Clone(threeOMs), more)...).OMs(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", more, err)
		}
	}
	c := load(t, append(slices.Clone(threeOMs), "ozone.om.node.id=om9")...)
	if _, _, err := c.OwnOM(); err == nil || !strings.Contains(err.Error(), "not in ozone.om.nodes.cluster") {
		t.Errorf("a stranger: %v", err)
	}
	if w := strings.Join(load(t, "ozone.om.address.cluster=x", "ozone.om.nodes.a.b=c").Warnings(), "\n"); strings.Count(w, "is ignored") != 2 {
		t.Errorf("warnings %q", w)
	}
	if _, err := Load(Options{Defines: []string{"ozone.om.ratis.port.cluster.om1=many"}}); err == nil {
		t.Error("a port that is no number")
	}
}
