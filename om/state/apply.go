package state

import (
	"fmt"

	"github.com/mini-ozone/mini-ozone/internal/ozerr"
	"github.com/mini-ozone/mini-ozone/om/table"
	"github.com/mini-ozone/mini-ozone/proto/ompb"
)

// call is one request being executed.
type call struct {
	tx    *table.Txn
	index uint64 // of the raft entry; 0 for reads
	req   *ompb.Request

	notified notified
	moved    int // blocks that this request, or key of DeleteKeys, has moved; see room
}

func (c *call) now() int64 { return c.req.TimeNs }

// Apply executes one logged request and returns what its sender gets. Failures of the
// request are in the response; failures of the storage are in tx.Err, and then the
// transaction can't commit and the replica must stop. An operation it doesn't know
// panics: this binary is older than the log it reads, and going on would make it differ.
//
// A request with a client id is executed once: its repetition gets the first answer. Answers
// of mutations carry a key without blocks and parts.
func Apply(tx *table.Txn, index uint64, req *ompb.Request) *ompb.Response {
	if !NeedsLog(req) {
		panic(fmt.Sprintf("state: index %d has an operation that can't be applied: %T", index, req.Op))
	}
	c := &call{tx: tx, index: index, req: req}
	if first, ok := c.answered(); ok {
		return first
	}
	var resp *ompb.Response
	if err := checkShort(req.User); err != nil {
		resp = c.respond(nil, err)
	} else {
		resp = c.respond(c.apply())
	}
	c.remember(resp)
	return resp
}

// Read answers a request for which IsRead holds, from the state tx sees; Internal if
// the storage failed. GetKey's locations are the registered nodes of each container,
// whatever their health.
func Read(tx *table.Txn, req *ompb.Request) *ompb.Response {
	c := &call{tx: tx, req: req}
	resp := c.respond(c.read())
	if err := tx.Err(); err != nil {
		return &ompb.Response{Error: ozerr.ToProto(ozerr.Wrap(ozerr.Internal, err, "read metadata"))}
	}
	return resp
}

// respond joins result and error: an error may come with a result (the bucket that
// is already there).
func (c *call) respond(resp *ompb.Response, err error) *ompb.Response {
	if resp == nil {
		resp = &ompb.Response{}
	}
	resp.Error = errorAnswer(err)
	return resp
}

// IsRead: Read answers it.
func IsRead(req *ompb.Request) bool {
	switch req.GetOp().(type) {
	case *ompb.Request_GetVolume, *ompb.Request_ListVolumes, *ompb.Request_GetBucket, *ompb.Request_ListBuckets,
		*ompb.Request_GetKey, *ompb.Request_ListKeys, *ompb.Request_ListParts, *ompb.Request_ListUploads,
		*ompb.Request_GetUpload, *ompb.Request_ListNodes, *ompb.Request_ListContainers,
		*ompb.Request_GetContainer, *ompb.Request_ListContainerBlocks,
		*ompb.Request_GetBucketDocument, *ompb.Request_ListVersions, *ompb.Request_FindUser, *ompb.Request_ListUsers:
		return true
	}
	return false
}

// InternalOnly: only om itself may propose it.
func InternalOnly(req *ompb.Request) bool {
	switch req.GetOp().(type) {
	case *ompb.Request_ReserveIds, *ompb.Request_CreateContainer, *ompb.Request_SetContainerState,
		*ompb.Request_RegisterNode, *ompb.Request_ForgetDeletedBlocks, *ompb.Request_PruneResults,
		*ompb.Request_InitCluster, *ompb.Request_ForgetEvents, *ompb.Request_SetContainerReplicas,
		*ompb.Request_FenceContainers, *ompb.Request_SetTokenKeys:
		return true
	}
	return false
}

// NeedsLog: Apply answers it. What is neither IsRead nor NeedsLog is the server's own
// (AllocateBlocks, ReportBadReplica, GetRoles, GetSecret and the like) or no request at all.
func NeedsLog(req *ompb.Request) bool {
	switch req.GetOp().(type) {
	case *ompb.Request_CreateVolume, *ompb.Request_DeleteVolume, *ompb.Request_CreateBucket, *ompb.Request_DeleteBucket,
		*ompb.Request_CommitKey, *ompb.Request_DeleteKeys, *ompb.Request_CopyKey, *ompb.Request_RenameKey,
		*ompb.Request_SetKeyTags, *ompb.Request_CreateUpload, *ompb.Request_CommitPart,
		*ompb.Request_CompleteUpload, *ompb.Request_AbortUpload,
		*ompb.Request_SetBucket, *ompb.Request_SetKeyAcl, *ompb.Request_SetKeyLock,
		*ompb.Request_SetUser, *ompb.Request_DeleteUser, *ompb.Request_SetNodeState, *ompb.Request_ForgetNode:
		return true
	}
	return InternalOnly(req)
}

func (c *call) apply() (*ompb.Response, error) {
	switch op := c.req.Op.(type) {
	case *ompb.Request_CreateVolume:
		return c.createVolume(op.CreateVolume)
	case *ompb.Request_DeleteVolume:
		return c.deleteVolume(op.DeleteVolume)
	case *ompb.Request_CreateBucket:
		return c.createBucket(op.CreateBucket)
	case *ompb.Request_DeleteBucket:
		return c.deleteBucket(op.DeleteBucket)
	case *ompb.Request_CommitKey:
		return c.commitKey(op.CommitKey)
	case *ompb.Request_DeleteKeys:
		return c.deleteKeys(op.DeleteKeys)
	case *ompb.Request_CopyKey:
		return c.copyKey(op.CopyKey)
	case *ompb.Request_RenameKey:
		return c.renameKey(op.RenameKey)
	case *ompb.Request_SetKeyTags:
		return c.setKeyTags(op.SetKeyTags)
	case *ompb.Request_CreateUpload:
		return c.createUpload(op.CreateUpload)
	case *ompb.Request_CommitPart:
		return c.commitPart(op.CommitPart)
	case *ompb.Request_CompleteUpload:
		return c.completeUpload(op.CompleteUpload)
	case *ompb.Request_AbortUpload:
		return c.abortUpload(op.AbortUpload)
	case *ompb.Request_SetBucket:
		return c.setBucket(op.SetBucket)
	case *ompb.Request_SetKeyAcl:
		return c.setKeyACL(op.SetKeyAcl)
	case *ompb.Request_SetKeyLock:
		return c.setKeyLock(op.SetKeyLock)
	case *ompb.Request_SetUser:
		return c.setUser(op.SetUser)
	case *ompb.Request_DeleteUser:
		return c.deleteUser(op.DeleteUser)
	case *ompb.Request_ForgetEvents:
		return c.forgetEvents(op.ForgetEvents)
	case *ompb.Request_ReserveIds:
		return c.reserveIDs(op.ReserveIds)
	case *ompb.Request_CreateContainer:
		return c.createContainer(op.CreateContainer)
	case *ompb.Request_SetContainerState:
		return c.setContainerState(op.SetContainerState)
	case *ompb.Request_RegisterNode:
		return c.registerNode(op.RegisterNode)
	case *ompb.Request_ForgetDeletedBlocks:
		return c.forgetDeletedBlocks(op.ForgetDeletedBlocks)
	case *ompb.Request_PruneResults:
		return c.pruneResults(op.PruneResults)
	case *ompb.Request_InitCluster:
		return c.initCluster(op.InitCluster)
	case *ompb.Request_SetContainerReplicas:
		return c.setContainerReplicas(op.SetContainerReplicas)
	case *ompb.Request_FenceContainers:
		return c.fenceContainers(op.FenceContainers)
	case *ompb.Request_SetNodeState:
		return c.setNodeState(op.SetNodeState)
	case *ompb.Request_ForgetNode:
		return c.forgetNode(op.ForgetNode)
	case *ompb.Request_SetTokenKeys:
		return c.setTokenKeys(op.SetTokenKeys)
	}
	panic(fmt.Sprintf("state: NeedsLog and apply disagree on %T", c.req.Op))
}

func (c *call) read() (*ompb.Response, error) {
	switch op := c.req.Op.(type) {
	case *ompb.Request_GetVolume:
		return c.getVolume(op.GetVolume)
	case *ompb.Request_ListVolumes:
		return c.listVolumes(op.ListVolumes)
	case *ompb.Request_GetBucket:
		return c.getBucket(op.GetBucket)
	case *ompb.Request_ListBuckets:
		return c.listBuckets(op.ListBuckets)
	case *ompb.Request_GetKey:
		return c.getKey(op.GetKey)
	case *ompb.Request_ListKeys:
		return c.listKeys(op.ListKeys)
	case *ompb.Request_ListParts:
		return c.listParts(op.ListParts)
	case *ompb.Request_ListUploads:
		return c.listUploads(op.ListUploads)
	case *ompb.Request_GetUpload:
		return c.getUpload(op.GetUpload)
	case *ompb.Request_ListNodes:
		return c.listNodes()
	case *ompb.Request_ListContainers:
		return c.listContainers(op.ListContainers)
	case *ompb.Request_GetContainer:
		return c.getContainer(op.GetContainer)
	case *ompb.Request_ListContainerBlocks:
		return c.listContainerBlocks(op.ListContainerBlocks)
	case *ompb.Request_GetBucketDocument:
		return c.getBucketDocument(op.GetBucketDocument)
	case *ompb.Request_ListVersions:
		return c.listVersions(op.ListVersions)
	case *ompb.Request_FindUser:
		return c.findUser(op.FindUser)
	case *ompb.Request_ListUsers:
		return c.listUsers(op.ListUsers)
	}
	return nil, ozerr.New(ozerr.InvalidRequest, "%T does not read metadata", c.req.Op)
}
