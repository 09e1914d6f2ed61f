package conf

import (
	"slices"
	"strings"
)

// Key is one known configuration key.
type Key struct {
	Name    string
	Kind    Kind
	Default string
	Doc     string   // one line
	Aliases []string // older names that mean the same
	Secret  bool     // never shown
	Env     string   // an environment variable that sets it too; OZONE-SITE.XML_ goes before it

	// Suffixes is how many words, each after a dot, make a key of one om out of this
	// one: of its service, or of its service and its node. 0: there are no such keys.
	Suffixes int
}

// Keys is the table of known keys in order of name.
func Keys() []Key { return slices.Clone(keys) }

// find looks a name or an older name up, with or without suffixes.
func find(name string) (Key, bool) {
	i, ok := slices.BinarySearchFunc(keys, name, func(k Key, n string) int { return strings.Compare(k.Name, n) })
	if ok {
		return keys[i], true
	}
	for _, k := range keys {
		if slices.Contains(k.Aliases, name) {
			return k, true
		}
	}
	return findSuffixed(name)
}

// findSuffixed returns the key of the table that name is a suffixed form of, under
// that name and with the suffixes.
func findSuffixed(name string) (Key, bool) {
	for _, k := range keys {
		if k.Suffixes == 0 {
			continue
		}
		for _, base := range append([]string{k.Name}, k.Aliases...) {
			rest, ok := strings.CutPrefix(name, base+".")
			words := strings.Split(rest, ".")
			if !ok || len(words) != k.Suffixes || slices.Contains(words, "") {
				continue
			}
			return k.suffixed(words...), true
		}
	}
	return Key{}, false
}

// suffixed is k for one service, or for one om of it.
func (k Key) suffixed(words ...string) Key {
	k.Name = k.Name + "." + strings.Join(words, ".")
	k.Aliases, k.Suffixes, k.Env = nil, 0, ""
	return k
}

// known are the keys of the table and those with suffixes that are set, by name.
func (c *Config) known() []Key {
	all := slices.Clone(keys)
	for name := range c.set {
		if k, ok := findSuffixed(name); ok {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// keys is sorted by name. Names, units and defaults are Ozone's where Ozone has
// the key; those that start with mini. are ours.
var keys = []Key{
	{Name: "hdds.block.token.expiry.time", Kind: KindDuration, Default: "1h",
		Doc: "Secure mode: for how long a block token is good, 5m at least. Reads and writes that take longer get new ones. (Ozone's default is 1d.)"},
	{Name: "hdds.container.balancer.balancing.iteration.interval", Kind: KindDuration, Default: "70m",
		Doc: "Pause between two iterations of the container balancer."},
	{Name: "hdds.container.balancer.size.moved.max.per.iteration", Kind: KindSize, Default: "500GB",
		Doc: "Most bytes that the container balancer moves in one iteration."},
	{Name: "hdds.container.balancer.utilization.threshold", Kind: KindFloat, Default: "10",
		Doc: "How many percent of its capacity a datanode's use may differ from the mean before the container balancer moves containers."},
	{Name: "hdds.container.close.threshold", Kind: KindFloat, Default: "0.9",
		Doc: "A container closes when this part of ozone.scm.container.size is filled."},
	{Name: "hdds.container.ipc.port", Kind: KindInt, Default: "9859",
		Doc: "Port of a datanode's data service."},
	{Name: "hdds.container.report.interval", Kind: KindDuration, Default: "60m",
		Doc: "How often a datanode reports all its containers; changes go with every heartbeat."},
	{Name: "hdds.container.scrub.data.scan.interval", Kind: KindDuration, Default: "7d",
		Doc: "Every stored byte is read and verified once in this time."},
	{Name: "hdds.container.scrub.enabled", Kind: KindBool, Default: "true",
		Doc: "Datanodes read and verify what they store in the background."},
	{Name: "hdds.container.scrub.volume.bytes.per.second", Kind: KindSize, Default: "5MB",
		Doc: "Bytes of each disk that are verified per second while a pass goes on; more if the interval takes more."},
	{Name: "hdds.datanode.dir", Kind: KindList, Default: "",
		Doc: "Directories of a datanode's containers, one per disk. Required by datanode."},
	{Name: "hdds.datanode.disk.check.io.failures.tolerated", Kind: KindInt, Default: "1",
		Doc: "How many of a disk's last hdds.datanode.disk.check.io.test.count checks may fail before it is given up."},
	{Name: "hdds.datanode.disk.check.io.file.size", Kind: KindSize, Default: "100B",
		Doc: "Bytes that a check writes to a disk and reads back."},
	{Name: "hdds.datanode.disk.check.io.test.count", Kind: KindInt, Default: "3",
		Doc: "How many of a disk's last checks are looked at."},
	{Name: "hdds.datanode.disk.check.timeout", Kind: KindDuration, Default: "1m",
		Doc: "A disk on which any operation takes longer is given up: it hangs."},
	{Name: "hdds.datanode.failed.data.volumes.tolerated", Kind: KindInt, Default: "-1",
		Doc: "How many failed disks a datanode bears before it ends; -1: as long as one works."},
	{Name: "hdds.datanode.hostname", Kind: KindString, Default: "",
		Doc: "Host name under which others reach this datanode; empty is the host's own name."},
	{Name: "hdds.datanode.http-address", Kind: KindAddress, Default: "0.0.0.0:9882",
		Doc: "Address of a datanode's health, metrics and configuration pages."},
	{Name: "hdds.datanode.periodic.disk.check.interval.minutes", Kind: KindInt, Default: "1",
		Doc: "Minutes between checks of a datanode's disks; one that failed a check, or a read, is checked again within seconds."},
	{Name: "hdds.datanode.replication.streams.limit", Kind: KindInt, Default: "10",
		Doc: "Containers that a datanode repairs or copies at once."},
	{Name: "hdds.datanode.use.datanode.hostname", Kind: KindBool, Default: "false",
		Doc: "Without hdds.datanode.hostname, others reach this datanode by its host's name instead of its IP address."},
	{Name: "hdds.datanode.volume.min.free.space", Kind: KindSize, Default: "1GB",
		Doc: "Space of each disk that blocks may not use, at most a tenth of the disk."},
	{Name: "hdds.heartbeat.interval", Kind: KindDuration, Default: "3s",
		Doc: "How often a datanode sends a heartbeat to om."},
	{Name: "hdds.profiler.endpoint.enabled", Kind: KindBool, Default: "false",
		Doc: "Serve /debug/pprof on the web address of each server."},
	{Name: "hdds.scm.replication.datanode.replication.limit", Kind: KindInt, Default: "20",
		Doc: "Copies and repairs of containers that may be under way to, and from, one datanode."},
	{Name: "hdds.scm.replication.event.timeout", Kind: KindDuration, Default: "12m",
		Doc: "How long a datanode may take to copy or repair a container before another is asked."},
	{Name: "hdds.scm.replication.inflight.limit.factor", Kind: KindFloat, Default: "0.75",
		Doc: "All copies and repairs under way: at most this times the limit of one datanode times the healthy datanodes."},
	{Name: "hdds.scm.replication.maintenance.replica.minimum", Kind: KindInt, Default: "2",
		Doc: "Replicas that must be on other datanodes before one is in maintenance."},
	{Name: "hdds.scm.replication.thread.interval", Kind: KindDuration, Default: "10s",
		Doc: "How often om looks at the replicas of all containers."},
	{Name: "hdds.secret.key.expiry.duration", Kind: KindDuration, Default: "9d",
		Doc: "Secure mode: for how long datanodes know a key of block tokens."},
	{Name: "hdds.secret.key.rotate.duration", Kind: KindDuration, Default: "1d",
		Doc: "Secure mode: how often om makes a new key of block tokens."},
	{Name: "mini.datanode.compact.dead.ratio", Kind: KindFloat, Default: "0.33",
		Doc: "A closed container is rewritten when this part of the disk it takes is dead."},
	{Name: "mini.datanode.compact.min.dead", Kind: KindSize, Default: "16MB",
		Doc: "A closed container is rewritten when it has at least so many dead bytes."},
	{Name: "mini.datanode.copy.bytes.per.second", Kind: KindSize, Default: "64MB",
		Doc: "Bytes per second that a datanode copies at most to repair and to compact; 0 is no limit."},
	{Name: "mini.datanode.dir.slots", Kind: KindBool, Default: "false",
		Doc: "Take the first free sub-directory slot-N of hdds.datanode.dir, so that scaled containers can share a volume."},
	{Name: "mini.datanode.quarantine", Kind: KindDuration, Default: "7d",
		Doc: "How long a datanode keeps blocks that om doesn't know before it removes them."},
	{Name: "mini.log.level", Kind: KindString, Default: "info",
		Doc: "Least severe log lines that are written: trace, debug, info, warn or error."},
	{Name: "mini.om.container.check.interval", Kind: KindDuration, Default: "7d",
		Doc: "Every replica of a closed container is compared with om's list of blocks so often."},
	{Name: "mini.om.container.open.max", Kind: KindDuration, Default: "7d",
		Doc: "A container that has blocks and is open for longer is closed, so that what nobody finished writing can be given back."},
	{Name: "mini.om.datanode.forget.after", Kind: KindDuration, Default: "7d",
		Doc: "A datanode that is dead for so long and holds no container is forgotten; it may come back as a new one."},
	{Name: "mini.om.marker.period", Kind: KindDuration, Default: "30s",
		Doc: "After this much time with changes om makes its table durable, so that a restart replays only what came later."},
	{Name: "mini.om.min.free.space", Kind: KindSize, Default: "1GB",
		Doc: "Space of the disk of om's metadata that is kept free, at most a twentieth of it: with less, om refuses what makes its state grow."},
	{Name: "mini.om.notification.backlog", Kind: KindInt, Default: "1000000",
		Doc: "Events that may wait for one target; beyond that the oldest are dropped, loudly."},
	{Name: "mini.om.notification.targets", Kind: KindList, Default: "", Secret: true,
		Doc: "Targets of bucket notifications, the same on each om: id=webhook:URL, id=file:/PATH or id=nats://HOST:4222/SUBJECT; their ARN is arn:ozone:s3:::id."},
	{Name: "mini.om.notification.timeout", Kind: KindDuration, Default: "10s",
		Doc: "How long a target may take for a message of at most 100 events."},
	{Name: "mini.om.replication.settle", Kind: KindDuration, Default: "10s",
		Doc: "How long the reports on a replica must look wrong before it is repaired: they may only be late."},
	{Name: "mini.om.table.memtable.size", Kind: KindSize, Default: "32MB",
		Doc: "Size of the logs of om's table; om holds up to three of them in memory."},
	{Name: "mini.s3g.access.log", Kind: KindBool, Default: "false",
		Doc: "Log every S3 request at level info; otherwise only at level debug."},
	{Name: "mini.s3g.bucket.delete.uploads", Kind: KindBool, Default: "true",
		Doc: "Let a bucket be deleted that holds nothing but open multipart uploads, as AWS does, and abort them; otherwise it is BucketNotEmpty, as in Ozone."},
	{Name: "mini.s3g.connections.max", Kind: KindInt, Default: "20000",
		Doc: "S3 connections to one gateway at once; one more closes the longest idle one, or is told to slow down if none is idle."},
	{Name: "mini.s3g.kms.vault.address", Kind: KindString, Default: "",
		Doc: "URL of the HashiCorp Vault whose transit engine wraps the keys of aws:kms objects; empty is no KMS: 501."},
	{Name: "mini.s3g.kms.vault.key", Kind: KindString, Default: "",
		Doc: "Transit key for aws:kms requests that name none."},
	{Name: "mini.s3g.kms.vault.key.prefix", Kind: KindString, Default: "",
		Doc: "Put before the key ids of requests, to keep them to the keys that are meant for S3."},
	{Name: "mini.s3g.kms.vault.mount", Kind: KindString, Default: "transit",
		Doc: "Where Vault's transit engine is mounted."},
	{Name: "mini.s3g.kms.vault.token.file", Kind: KindString, Default: "",
		Doc: "File with the token for Vault, read for every call."},
	{Name: "mini.s3g.object.ownership.default", Kind: KindString, Default: "ObjectWriter",
		Doc: "Object ownership of S3 buckets whose creator asks for none: BucketOwnerEnforced (no ACLs), BucketOwnerPreferred or ObjectWriter."},
	{Name: "mini.s3g.region", Kind: KindString, Default: "us-east-1",
		Doc: "Region in which buckets say they are, unless their creator named one."},
	{Name: "mini.s3g.requests.max", Kind: KindInt, Default: "1024",
		Doc: "S3 requests in work at once in one gateway; more get 503 SlowDown."},
	{Name: "mini.s3g.sigv2.enabled", Kind: KindBool, Default: "true",
		Doc: "Take requests and presigned URLs signed with AWS Signature Version 2."},
	{Name: "mini.s3g.sse.c.over.http", Kind: KindBool, Default: "true",
		Doc: "Take customers' encryption keys (SSE-C) on connections without TLS too; AWS refuses them there."},
	{Name: "mini.s3g.stall.timeout", Kind: KindDuration, Default: "60s",
		Doc: "An S3 client that moves no byte for so long, or less than 1 KiB/s, is cut off."},
	{Name: "mini.s3g.streams.memory.max", Kind: KindSize, Default: "1GB",
		Doc: "Memory of a gateway for S3 bodies over 64 KiB in work, 4 MiB each; more wait 3 s, then get 503 SlowDown. Small requests go on."},
	{Name: "mini.s3g.tls.cert.file", Kind: KindString, Default: "",
		Doc: "Certificate (PEM) of S3 over TLS, with those of its issuers; empty: no TLS. A change needs no restart."},
	{Name: "mini.s3g.tls.key.file", Kind: KindString, Default: "",
		Doc: "Private key (PEM) of that certificate."},
	{Name: "mini.stop.timeout", Kind: KindDuration, Default: "20s",
		Doc: "How long a server that was told to stop may take before it ends anyway."},
	{Name: "ozone.admin.key.file", Kind: KindString, Default: "", Env: "OZONE_ADMIN_KEY_FILE",
		Doc: "Secure mode: file with the key by which servers and administrators know one another and encrypt what they say; empty is admin.key in om's metadata directory, where the first secure start makes it."},
	{Name: "ozone.block.deleting.service.interval", Kind: KindDuration, Default: "1m",
		Doc: "How often om sends the blocks of deleted keys to datanodes."},
	{Name: "ozone.key.deleting.limit.per.task", Kind: KindInt, Default: "50000",
		Doc: "Most deleted keys that om handles in one such run."},
	{Name: "ozone.lifecycle.debug.day", Kind: KindDuration, Default: "0s",
		Doc: "For tests: the length of a day of lifecycle rules, such as 2s; then expiry is not rounded to midnight and rounds are at least four a day."},
	{Name: "ozone.lifecycle.service.enabled", Kind: KindBool, Default: "true",
		Doc: "Carry out the lifecycle rules of buckets."},
	{Name: "ozone.lifecycle.service.interval", Kind: KindDuration, Default: "24h",
		Doc: "How often om goes over the buckets that have lifecycle rules; also whenever an om begins to lead."},
	{Name: "ozone.metadata.dirs", Kind: KindString, Default: "",
		Doc: "Directory for metadata where no more specific key is set. Required by om unless ozone.om.db.dirs is set."},
	{Name: "ozone.om.address", Kind: KindAddress, Default: "0.0.0.0:9862", Suffixes: 2,
		Doc: "Where om serves its RPC, and where clients find it; 0.0.0.0 is localhost for a client. With several oms: ozone.om.address.SERVICE.NODE."},
	{Name: "ozone.om.block.deleting.grace", Kind: KindDuration, Default: "5m",
		Doc: "How long the blocks of a deleted key are kept for readers under way."},
	{Name: "ozone.om.db.dirs", Kind: KindString, Default: "",
		Doc: "Directory of om's database and log; empty is om in ozone.metadata.dirs."},
	{Name: "ozone.om.http-address", Kind: KindAddress, Default: "0.0.0.0:9874", Suffixes: 2,
		Doc: "Address of om's web, health and metrics pages; of one of several: ozone.om.http-address.SERVICE.NODE."},
	{Name: "ozone.om.internal.service.id", Kind: KindString, Default: "",
		Doc: "Which of ozone.om.service.ids this cluster is; needed only if that lists several."},
	{Name: "ozone.om.node.id", Kind: KindString, Default: "om1",
		Doc: "Name of this om among its peers, one of ozone.om.nodes.SERVICE; it must never change."},
	{Name: "ozone.om.nodes", Kind: KindList, Default: "", Suffixes: 1,
		Doc: "As ozone.om.nodes.SERVICE: the names of the oms of a service, such as om1,om2,om3."},
	{Name: "ozone.om.open.key.expire.threshold", Kind: KindDuration, Default: "24h",
		Doc: "So long after a container closed, what was written there and belongs to no object counts as abandoned; a PUT or part that takes longer fails."},
	{Name: "ozone.om.open.mpu.cleanup.service.interval", Kind: KindDuration, Default: "24h",
		Doc: "How often om looks for abandoned multipart uploads."},
	{Name: "ozone.om.open.mpu.expire.threshold", Kind: KindDuration, Default: "30d",
		Doc: "Age at which a multipart upload counts as abandoned."},
	{Name: "ozone.om.ratis.log.purge.gap", Kind: KindInt, Default: "4096",
		Doc: "Entries of om's log that are kept behind its last durable point, for peers that lag."},
	{Name: "ozone.om.ratis.port", Kind: KindInt, Default: "9872", Aliases: []string{"ozone.om.ratis-port"}, Suffixes: 2,
		Doc: "Port of the raft traffic between oms; of one of them: ozone.om.ratis.port.SERVICE.NODE."},
	{Name: "ozone.om.ratis.segment.size", Kind: KindSize, Default: "32MB",
		Doc: "Size of a file of om's raft log."},
	{Name: "ozone.om.ratis.snapshot.auto.trigger.threshold", Kind: KindInt, Default: "20000",
		Doc: "After this many log entries om makes its table durable, as after mini.om.marker.period."},
	{Name: "ozone.om.s3.secret.key", Kind: KindString, Default: "", Env: "OZONE_OM_S3_SECRET_KEY", Secret: true,
		Doc: "Secure mode: the key that S3 secrets are encrypted with, 64 hex digits, instead of ozone.om.s3.secret.key.file."},
	{Name: "ozone.om.s3.secret.key.file", Kind: KindString, Default: "", Env: "OZONE_OM_S3_SECRET_KEY_FILE",
		Doc: "Secure mode: file with the key that S3 secrets are encrypted with, the same for every om; empty is secret.key in om's metadata directory, where the first secure start makes it."},
	{Name: "ozone.om.service.ids", Kind: KindList, Default: "",
		Doc: "Name of the service that several oms form; empty: one om, at ozone.om.address."},
	{Name: "ozone.replication.min", Kind: KindInt, Default: "0",
		Doc: "Replicas that a write must reach at the least; 0 is a majority of the replication."},
	{Name: "ozone.s3g.bucket.recreate.conflict", Kind: KindBool, Default: "false",
		Doc: "Answer 409 BucketAlreadyOwnedByYou when a bucket is created again by its owner, instead of 200."},
	{Name: "ozone.s3g.domain.name", Kind: KindList, Default: "",
		Doc: "Domains under which a bucket is a host name, for virtual-host style requests."},
	{Name: "ozone.s3g.http-address", Kind: KindAddress, Default: "0.0.0.0:9878",
		Doc: "Address of the S3 gateway."},
	{Name: "ozone.s3g.https-address", Kind: KindAddress, Default: "0.0.0.0:9879",
		Doc: "Address of the S3 gateway over TLS, where mini.s3g.tls.cert.file is set."},
	{Name: "ozone.s3g.sse.key.file", Kind: KindString, Default: "",
		Doc: "File with the cluster keys of SSE-S3, lines id:base64, the current key first; the same for every gateway. Empty: SSE-S3 is 501."},
	{Name: "ozone.s3g.sse.keys", Kind: KindString, Default: "", Env: "OZONE_SSE_KEYS", Secret: true,
		Doc: "The cluster keys of SSE-S3 themselves, separated by spaces or commas, instead of ozone.s3g.sse.key.file."},
	{Name: "ozone.s3g.webadmin.http-address", Kind: KindAddress, Default: "0.0.0.0:19878",
		Doc: "Address of the gateway's health, metrics and configuration pages."},
	{Name: "ozone.scm.block.size", Kind: KindSize, Default: "256MB",
		Doc: "Largest block of an object."},
	{Name: "ozone.scm.chunk.size", Kind: KindSize, Default: "4MB",
		Doc: "Largest piece of a block that is sent at once."},
	{Name: "ozone.scm.container.size", Kind: KindSize, Default: "5GB",
		Doc: "Size of a container."},
	{Name: "ozone.scm.dead.node.interval", Kind: KindDuration, Default: "2m",
		Doc: "A datanode that was silent so long is dead: its replicas don't count."},
	{Name: "ozone.scm.stale.node.interval", Kind: KindDuration, Default: "15s",
		Doc: "A datanode that was silent so long gets no new blocks."},
	{Name: "ozone.security.enabled", Kind: KindBool, Default: "false",
		Doc: "Secure mode. Off, every access key works and nothing is checked: OPEN MODE."},
	{Name: "ozone.server.default.replication", Kind: KindInt, Default: "3", Aliases: []string{"ozone.replication"},
		Doc: "Copies of each block of a new bucket: 1 or 3."},
}
