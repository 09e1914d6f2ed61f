package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mini-ozone/mini-ozone/internal/notification"
	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/proto/commonpb"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// refused counts the results that must wait for another entry; behind the first of them
// all must.
func refused(t testing.TB, resp *ompb.Response) (n int) {
	t.Helper()
	for _, r := range resp.GetDeletes().GetResults() {
		switch code := ozerr.Code(r.GetError().GetCode()); {
		case code == ozerr.Unavailable:
			n++
		case code != "" || n > 0:
			t.Fatalf("key %s: %v behind %d that must wait", r.Key, r.Error, n)
		}
	}
	return n
}

// TestDeletionsInOneEntryAreBounded: copies share blocks, so deleting them frees none and
// yet changes rows for each. The client asks again for what had to wait.
func TestDeletionsInOneEntryAreBounded(t *testing.T) {
	m := testMachine(t)
	var blocks []*commonpb.Block
	for i := range uint64(1000) {
		blocks = append(blocks, block(i+1, 1))
	}
	m.must(commit("bkt", "src", nil, blocks...))
	var keys []string
	for i := range MaxMoved/1000 + 50 {
		keys = append(keys, fmt.Sprintf("copy%03d", i))
		m.must(copyOf("bkt", "src", "bkt", keys[i]))
	}
	if n := refused(t, m.must(remove("bkt", keys...))); n != 50 {
		t.Errorf("%d deletions had to wait", n)
	}
	if n := refused(t, m.must(remove("bkt", keys[MaxMoved/1000:]...))); n != 0 {
		t.Errorf("%d deletions had to wait again", n)
	}
}

// TestRoom: what is alone in its entry may move any number of blocks, whatever it asks room
// for, and nothing may behind it. A request that finds no room at its first key is told so
// as a whole, so that its client tries again.
func TestRoom(t *testing.T) {
	m := testMachine(t)
	m.must(commit("bkt", "k", nil))
	tx := m.db.Update()
	defer tx.Discard()
	alone := &call{tx: tx, index: m.index + 1}
	for range 3 {
		if err := alone.room(MaxMoved + 1); err != nil {
			t.Errorf("alone: %v", err)
		}
	}
	for range 2 {
		resp := Apply(tx, m.index+1, remove("bkt", "k"))
		if resp.GetError().GetCode() != string(ozerr.Unavailable) {
			t.Errorf("behind it: %v", resp)
		}
	}
	if resp := Apply(tx, m.index+2, remove("bkt", "k")); resp.Error != nil {
		t.Errorf("in the next entry: %v", resp)
	}
}

// TestEventsInOneEntryAreBounded: each target may want to be told of each deletion.
func TestEventsInOneEntryAreBounded(t *testing.T) {
	for _, versioning := range []string{"", enabled, suspended} {
		m := testMachine(t)
		if versioning != "" {
			m.must(setVersions("bkt", versioning))
		}
		var rules []notification.Rule
		for i := range maxNotifications {
			rules = append(rules, everything(fmt.Sprintf("target%d", i)))
		}
		var keys []string
		for i := range 250 {
			keys = append(keys, fmt.Sprintf("key%03d", i))
			m.must(commit("bkt", keys[i], nil))
		}
		m.must(notify(t, "bkt", rules...))
		most := MaxMoved / eventPrice / maxNotifications
		if n := len(keys) - refused(t, m.must(remove("bkt", keys...))); n < most || n > most+1 {
			t.Errorf("versioning %q: %d keys were deleted in one entry", versioning, n)
		}
	}
}

// TestNotificationsFitTheirEvents: a document whose events were rows that can't be written
// would stop every om at the next change of its bucket.
func TestNotificationsFitTheirEvents(t *testing.T) {
	long := strings.Repeat("n", 70_000)
	id, arn := everything("q"), everything(long)
	id.ID = strings.Repeat("i", 900<<10)
	nowhere := everything("q")
	nowhere.ARN = "q"
	many := everything("q")
	for range 1000 {
		many.Events = append(many.Events, "s3:ObjectCreated:Put")
	}
	for name, rule := range map[string]notification.Rule{"id": id, "target": arn, "no target": nowhere, "events": many} {
		m := testMachine(t)
		content, err := (&notification.Config{Rules: []notification.Rule{rule}}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		create := createBucket("vol", "new", "", false)
		create.GetCreateBucket().Documents = []*ompb.BucketDocument{{Kind: "notification", Content: content}}
		if code := m.do(create).GetError().GetCode(); code != string(ozerr.InvalidArgument) {
			t.Errorf("%s: CreateBucket says %q", name, code)
		}
		if code := m.do(notify(t, "bkt", rule)).GetError().GetCode(); code != string(ozerr.InvalidArgument) {
			t.Errorf("%s: SetBucket says %q", name, code)
		}
		m.must(commit("bkt", strings.Repeat("k", maxKey), nil))
	}
}
