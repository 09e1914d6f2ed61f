package chaos

// place is a failpoint: where it is and what it takes to come there.
type place struct {
	name string
	does string // what is left undone when the process dies there
	// rare: the usual load does not come there within a minute; it is for long runs, where
	// places are drawn at random.
	rare bool
}

// places are the failpoints of the source.
var places = []place{
	{name: "client/after-alloc", does: "a block is leased, nothing is written"},
	{name: "client/mid-body", does: "some chunks of a body are written"},
	{name: "client/before-commit", does: "all bytes are durable, om does not know"},
	{name: "client/after-commit", does: "om has the key, the client of S3 does not know"},
	{name: "client/before-commit-part", does: "the bytes of a part are durable, om does not know"},
	{name: "client/before-complete", does: "all parts are there, Complete has come in"},
	{name: "client/after-complete", does: "om has the object, the client of S3 does not know"},
	{name: "client/after-delete", does: "the keys are gone, the client of S3 does not know"},
	{name: "om/before-apply", does: "an entry is made, not yet in the log"},
	{name: "om/after-logstore", does: "entries are durable in the log of one om"},
	{name: "om/before-answer", does: "an entry is committed and applied, nobody is told"},
	{name: "om/fsm-before-txn", does: "an entry is committed, the table does not have it"},
	{name: "om/fsm-after-txn", does: "the table has it"},
	{name: "om/before-marker", does: "the table is durable, the marker old"},
	{name: "om/after-marker", does: "the marker is new, the log not yet cut"},
	{name: "om/before-compact", does: "the log is about to be cut"},
	{name: "om/after-compact", does: "the log was cut"},
	{name: "om/snapshot-mid-export", does: "a snapshot for another om is begun"},
	{name: "om/snapshot-before-send", does: "a snapshot is made, not yet sent"},
	{name: "om/snapshot-mid-receive", does: "part of a snapshot has come in"},
	{name: "om/restore-before-swap", does: "a table is built from a snapshot beside the old one"},
	{name: "om/restore-mid-swap", does: "the old table is closed, the new one not in its place"},
	{name: "om/restore-after-swap", does: "the new table is in its place, the marker old"},
	{name: "om/restore-after-marker", does: "a snapshot is installed, the log not yet cut"},
	{name: "om/gc-before-send", does: "freed blocks are about to be ordered deleted"},
	{name: "om/gc-after-ack", does: "datanodes have deleted blocks, the rows are still there"},
	{name: "om/new-leader", does: "a leader has just been elected"},
	{name: "om/container-created", does: "a container is in the log, no block of it leased"},
	{name: "om/before-closed", does: "all replicas have closed, the log does not say so"},
	{name: "datanode/before-ack", does: "a chunk is written, or a block durable, nobody is told"},
	{name: "dn/before-write", does: "a record is about to be appended to a container's log"},
	{name: "dn/after-write", does: "it is appended, not yet durable"},
	{name: "dn/after-sync", does: "it is durable, nobody is told"},
	{name: "dn/delete-before-punch", does: "blocks are deleted, their bytes still there"},
	{name: "dn/compact-mid", does: "a container is being written anew without what was deleted", rare: true},
	{name: "dn/before-swap", does: "the new log is whole, the old one in its place", rare: true},
	{name: "dn/after-swap", does: "the new log is in its place", rare: true},
	{name: "dn/scrub-mid", does: "part of a container is verified", rare: true},
	{name: "dn/reconcile-mid", does: "a replica is being made like the others", rare: true},
}

// Places are the names of all failpoints.
func Places() []string {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = p.name
	}
	return names
}

// usual are the places that a minute of load comes to.
func usual() []string {
	var names []string
	for _, p := range places {
		if !p.rare {
			names = append(names, p.name)
		}
	}
	return names
}
