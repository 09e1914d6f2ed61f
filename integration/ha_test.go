package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
)

// Three empty oms that start together form one group; its leader is killed, and the
// others go on with everything that was acknowledged; it comes back as a follower.
func TestThreeOMs(t *testing.T) {
	c := Start(t, Options{Bin: programs(t), OMs: 3, Gateways: 2})
	via := func(i int) *plainS3 {
		return &plainS3{endpoint: c.Endpoints[i], http: &http.Client{Timeout: requestTimeout}}
	}
	body := bytes.Repeat([]byte("three"), 10_000)
	mustPut(t, via(0), "/three", nil)
	mustPut(t, via(0), "/three/before", body)
	for round := range 2 {
		leader, err := c.WaitLeader(t.Context())
		check(t, err)
		c.OMs[leader].Kill()
		name := fmt.Sprintf("/three/after-%d", round)
		mustPut(t, via(0), name, body)
		mustGet(t, via(1), name, body)
		mustGet(t, via(1), "/three/before", body)
		start(t, c.OMs[leader])
	}
}
