package chaos

// place is a failpoint: where it is and what it takes to come there.
type place struct {
	name string
	does string // what is left undone when the process dies there
}

// places are the failpoints of the source.
var places = []place{
	{"client/after-alloc", "a block is leased, nothing is written"},
	{"client/mid-body", "some chunks of a body are written"},
	{"client/before-commit", "all bytes are durable, om does not know"},
	{"client/after-commit", "om has the key, the client of S3 does not know"},
	{"client/before-commit-part", "the bytes of a part are durable, om does not know"},
	{"client/before-complete", "all parts are there, Complete has come in"},
	{"client/after-complete", "om has the object, the client of S3 does not know"},
	{"client/after-delete", "the keys are gone, the client of S3 does not know"},
	{"om/before-apply", "an entry is made, not yet in the log"},
	{"om/after-logstore", "entries are durable in the log of one om"},
	{"om/before-answer", "an entry is committed and applied, nobody is told"},
	{"om/fsm-before-txn", "an entry is committed, the table does not have it"},
	{"om/fsm-after-txn", "the table has it"},
	{"om/before-marker", "the table is durable, the marker old"},
	{"om/after-marker", "the marker is new, the log not yet cut"},
	{"om/before-compact", "the log is about to be cut"},
	{"om/after-compact", "the log was cut"},
	{"om/snapshot-mid-export", "a snapshot for another om is begun"},
	{"om/snapshot-before-send", "a snapshot is made, not yet sent"},
	{"om/snapshot-mid-receive", "part of a snapshot has come in"},
	{"om/restore-before-swap", "a table is built from a snapshot beside the old one"},
	{"om/restore-mid-swap", "the old table is closed, the new one not in its place"},
	{"om/restore-after-swap", "the new table is in its place, the marker old"},
	{"om/restore-after-marker", "a snapshot is installed, the log not yet cut"},
	{"om/gc-before-send", "freed blocks are about to be ordered deleted"},
	{"om/gc-after-ack", "datanodes have deleted blocks, the rows are still there"},
	{"om/new-leader", "a leader has just been elected"},
	{"om/container-created", "a container is in the log, no block of it leased"},
	{"om/before-closed", "all replicas have closed, the log does not say so"},
	{"datanode/before-ack", "a chunk is written, or a block durable, nobody is told"},
}

// Places are the names of all failpoints.
func Places() []string {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = p.name
	}
	return names
}
