package s3gtest

// versionsPage is the answer of ListObjectVersions.
type versionsPage struct {
	Name, Prefix, Delimiter, KeyMarker, VersionIdMarker, NextKeyMarker, NextVersionIdMarker, EncodingType string

	MaxKeys               int
	IsTruncated           bool
	Version, DeleteMarker []struct {
		Key, VersionId, ETag, StorageClass, LastModified string

		IsLatest bool
		Size     int64
		Owner    struct{ ID, DisplayName string }
	}
	CommonPrefixes []struct{ Prefix string }
}
