package s3gtest

// Smoketest says where each of the 136 cases of Apache Ozone's smoketest/s3 is asked of
// us: by a case of this package, or by a test elsewhere, named file:function. A row may
// stand for several cases: "1..3" of its suite. Cases of Ozone's that need Kerberos are
// asked with our users.
func Smoketest() []SmokeRow {
	return []SmokeRow{
		{"awss3", "1", "Ozone/awss3/1 copy and list"},
		{"awss3", "2", "Ozone/awss3/2 plus"},
		{"awss3virtualhost", "1", "s3g/gateway_test.go:TestVirtualHost"},
		{"boto3", "1", "integration/clients/boto3.go:Boto3"},
		{"bucketcreate", "1", "Ozone/bucketcreate/1 location"},
		{"bucketcreate", "2", "Ozone/bucketcreate/2 again"},
		{"bucketcreate", "3", "Ozone/bucketcreate/3 names"},
		{"bucketcreate", "4", "ACL/Bucket/default"}, // ours have no groups: nobody but the owner has anything
		{"bucketcreate", "5", "Ozone/bucketcreate/5 names of web endpoints"},
		{"bucketcreate", "6", "ACL/Refused for bucket/wrong expected owner"},
		{"bucketdelete", "1 2 4", "Ozone/bucketdelete/1,2,4"},
		{"bucketdelete", "3", "Ozone/bucketdelete/3 open upload"},
		{"buckethead", "1..3", "Ozone/buckethead/1,2,3"},
		{"bucketlifecycle", "1..2", "Lifecycle/Document/old prefix form"},
		{"bucketlifecycle", "3..4", "Lifecycle/Document/delete"},
		{"bucketlist", "1", "Ozone/bucketlist/1"},
		{"bucketlist", "2", "Buckets/ListBuckets/owner"},
		{"bucketlist", "3", "Ozone/bucketlist/3 empty access key"},
		{"buckettagging", "1", "Tagging/BucketTagging/none"},
		{"buckettagging", "2..5", "Tagging/BucketTagging/put and get"},
		{"buckettagging", "6", "Tagging/BucketTagging/no bucket"},
		{"buckettagging", "7..8", "Tagging/BucketTagging/delete"},
		{"buckettagging", "9..13", "Tagging/BucketTagging/put and get"}, // on link buckets there, which we don't have
		{"conditionalput", "1..5", "Ozone/conditionalput/1,2,3,4,5"},
		{"freon", "1..3", "cmd/ozone/cluster_test.go:TestFreonOnACluster"},
		{"mpu", "1 3 4", "Ozone/mpu/1,3,4,5 create, parts, complete, get"},
		{"mpu", "2", "Ozone/mpu/2 presigned complete in chunks without length"},
		{"mpu", "5", "Ozone/mpu/5 without parts"},
		{"mpu", "6", "Ozone/mpu/6 metadata too large"},
		{"mpu", "7", "Ozone/mpu/7 parts too small"},
		{"mpu", "8", "Ozone/mpu/8 wrong parts and orders"},
		{"mpu", "9..11", "Ozone/mpu/9,10,11 abort and unknown ids"},
		{"mpu", "12", "Ozone/mpu/12 list parts"},
		{"mpu", "13", "integration/clients/awscli.go:AWSCLI"},
		{"mpu", "14..16", "Ozone/mpu/14,15,16 part copies"},
		{"mpu", "17", "Ozone/mpu/17 list uploads"},
		{"mpu", "18", "Ozone/mpu/18 owners"},
		{"mpu", "19..20", "Ozone/mpu/19,20 content-md5"},
		{"objectcopy", "1", "Ozone/objectcopy/1 directives"},
		{"objectcopy", "2 4", "Ozone/objectcopy/2,4 missing"},
		{"objectcopy", "3", "Ozone/objectcopy/3 onto itself"},
		{"objectcopy", "5 6", "Ozone/objectcopy/5,6"},
		{"objectcopy", "7", "Ozone/objectcopy/7 owners"},
		{"objectcopys3a", "1", "Ozone/objectcopys3a/1 rename by copy"},
		{"objectdelete", "1..6", "Ozone/objectdelete/1,2,3,4,5,6"},
		{"objecthead", "1..6", "Ozone/objecthead/1..6"},
		{"objectlist", "1..5", "Ozone/objectlist/1..5"},
		{"objectmultidelete", "1", "Ozone/objectmultidelete/1"},
		{"objectputget", "1..2", "Ozone/objectputget/1,2"},
		{"objectputget", "3", "Authentication/V2/wrong signature"},
		{"objectputget", "4..11", "Ozone/objectputget/4..11 ranges"},
		{"objectputget", "12..16 19", "Ozone/objectputget/12..16,19 metadata and tags"},
		{"objectputget", "17 18 21", "Ozone/objectputget/17,18,21 etags"},
		{"objectputget", "20", "Multipart/CompleteMultipartUpload/ETag is of the digests"},
		{"objectputget", "22..23", "Ozone/objectputget/22,23 part numbers"},
		{"objectputget", "24", "Ozone/objectputget/24 owners"},
		{"objectputget", "25..26", "Ozone/objectputget/25,26 Content-MD5"},
		{"objecttagging", "1..4", "Ozone/objecttagging/1..4"},
		{"presignedurl", "1..2", "Ozone/presignedurl/1,2"},
		{"rclone", "1", "integration/clients/tools.go:Rclone"},
		{"s3_getsecret", "1..2", "cmd/ozone/secure_test.go:TestSecrets"},
		{"secretgenerate", "1..5", "cmd/ozone/secure_test.go:TestSecrets"},
		{"secretrevoke", "1..4", "cmd/ozone/secure_test.go:TestSecrets"},
		{"webui", "1", "s3g/gateway_test.go:TestServer"},
	}
}

// SmokeRow is one line of Smoketest.
type SmokeRow struct {
	Suite, Numbers string
	By             string // a case of ours, or file:function
}
