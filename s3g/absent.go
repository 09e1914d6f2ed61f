package s3g

import (
	"net/http"

	"github.com/mini-ozone/mini-ozone/s3g/s3err"
)

// Configurations that no bucket can be given (PUT is 501): that there is none is the
// truth, and what tools that look at everything of a bucket want to hear.

// absentRoutes are their reads and removals.
func absentRoutes() []row {
	return []row{
		{level: bucket, method: "GET", sub: "website", op: "GetBucketWebsite", action: "s3:GetBucketWebsite", handle: absentConfiguration(s3err.NoSuchWebsiteConfiguration)},
		{level: bucket, method: "DELETE", sub: "website", op: "DeleteBucketWebsite", action: "s3:DeleteBucketWebsite", handle: (*gateway).deleteAbsent},
		{level: bucket, method: "GET", sub: "replication", op: "GetBucketReplication", action: "s3:GetReplicationConfiguration", handle: absentConfiguration(s3err.ReplicationConfigurationNotFound)},
		{level: bucket, method: "DELETE", sub: "replication", op: "DeleteBucketReplication", action: "s3:PutReplicationConfiguration", handle: (*gateway).deleteAbsent},
	}
}

// absentConfiguration says that a bucket, which must be there, has none.
func absentConfiguration(none *s3err.Error) handler {
	return func(g *gateway, _ http.ResponseWriter, r *request) error {
		if _, err := g.bucketOf(r); err != nil {
			return err
		}
		return none.WithField("BucketName", r.Bucket)
	}
}

// deleteAbsent removes what is not there, from a bucket that must be.
func (g *gateway) deleteAbsent(w http.ResponseWriter, r *request) error {
	if _, err := g.bucketOf(r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
