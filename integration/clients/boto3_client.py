"""What boto3's users do, with its default settings. Prints PASSED at the end."""
import hashlib, io, os, sys, time, urllib.request, uuid
import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

url = sys.argv[1]
s3 = boto3.client("s3", endpoint_url=url)
bucket = "boto3-" + uuid.uuid4().hex[:12]


def ok(response, status=200):
    got = response["ResponseMetadata"]["HTTPStatusCode"]
    assert got == status, (got, response)
    return response


def fails(code, call, **kw):
    try:
        call(**kw)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e.response
        return
    raise AssertionError("no " + code)


r = ok(s3.create_bucket(Bucket=bucket))
assert bucket in r["Location"]
ok(s3.head_bucket(Bucket=bucket))
assert bucket in [b["Name"] for b in ok(s3.list_buckets())["Buckets"]]

# objects
body = os.urandom(100_000)
r = ok(s3.put_object(Bucket=bucket, Key="a/b c+d%é", Body=body, Metadata={"k": "v"}))
assert r["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
g = ok(s3.get_object(Bucket=bucket, Key="a/b c+d%é"))
assert g["Body"].read() == body and g["Metadata"] == {"k": "v"}
g = ok(s3.get_object(Bucket=bucket, Key="a/b c+d%é", Range="bytes=10-19"), 206)
assert g["Body"].read() == body[10:20]
fails("NoSuchKey", s3.get_object, Bucket=bucket, Key="none")
fails("404", s3.head_object, Bucket=bucket, Key="none")

# a put after an empty put on one connection must not hang
start = time.time()
ok(s3.put_object(Bucket=bucket, Key="empty", Body=b""))
ok(s3.put_object(Bucket=bucket, Key="after", Body=b"x"))
assert time.time() - start < 10, "the put after an empty put hung"

# conditional writes
if hasattr(s3.meta.service_model.operation_model("PutObject").input_shape, "members") and \
        "IfNoneMatch" in s3.meta.service_model.operation_model("PutObject").input_shape.members:
    fails("PreconditionFailed", s3.put_object, Bucket=bucket, Key="after", Body=b"y", IfNoneMatch="*")

# transfer manager: multipart up and down
big = os.urandom(20 << 20)
s3.upload_fileobj(io.BytesIO(big), bucket, "big")
out = io.BytesIO()
s3.download_fileobj(bucket, "big", out)
assert out.getvalue() == big
assert ok(s3.head_object(Bucket=bucket, Key="big"))["ETag"].endswith('-3"')

# multipart from copies
up = ok(s3.create_multipart_upload(Bucket=bucket, Key="joined"))["UploadId"]
parts = []
for n, rng in ((1, "bytes=0-10485759"), (2, "bytes=10485760-20971519")):
    p = ok(s3.upload_part_copy(Bucket=bucket, Key="joined", UploadId=up, PartNumber=n,
                               CopySource={"Bucket": bucket, "Key": "big"}, CopySourceRange=rng))
    parts.append({"PartNumber": n, "ETag": p["CopyPartResult"]["ETag"]})
ok(s3.complete_multipart_upload(Bucket=bucket, Key="joined", UploadId=up, MultipartUpload={"Parts": parts}))
assert ok(s3.get_object(Bucket=bucket, Key="joined"))["Body"].read() == big

# listing
for i in range(25):
    ok(s3.put_object(Bucket=bucket, Key="list/%d/x y" % i, Body=b"1"))
keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="list/", PaginationConfig={"PageSize": 7})
        for o in page["Contents"]]
assert keys == sorted("list/%d/x y" % i for i in range(25)), keys
prefixes = [p["Prefix"] for page in s3.get_paginator("list_objects").paginate(Bucket=bucket, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 4})
            for p in page.get("CommonPrefixes", [])]
assert prefixes == sorted("list/%d/" % i for i in range(25)), prefixes

# presigned, both signature versions
for version in ("s3v4", "s3"):
    signer = boto3.client("s3", endpoint_url=url, config=Config(signature_version=version))
    link = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "after"}, ExpiresIn=60)
    assert urllib.request.urlopen(link).read() == b"x"
    link = signer.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "presigned"}, ExpiresIn=60)
    request = urllib.request.Request(link, data=b"hello", method="PUT", headers={"Content-Type": ""})
    assert urllib.request.urlopen(request).status == 200
assert ok(s3.get_object(Bucket=bucket, Key="presigned"))["Body"].read() == b"hello"

# a browser's form, both signature versions
boundary = uuid.uuid4().hex
for version in ("s3v4", "s3"):
    signer = boto3.client("s3", endpoint_url=url, config=Config(signature_version=version))
    post = signer.generate_presigned_post(bucket, "form/${filename}", Conditions=[["content-length-range", 1, 100]], ExpiresIn=60)
    form = "".join('--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (boundary, k, v) for k, v in post["fields"].items())
    form += '--%s\r\nContent-Disposition: form-data; name="file"; filename="%s.txt"\r\n\r\nfrom a form\r\n--%s--\r\n' % (boundary, version, boundary)
    request = urllib.request.Request(post["url"], data=form.encode(), method="POST", headers={"Content-Type": "multipart/form-data; boundary=" + boundary})
    assert urllib.request.urlopen(request).status == 204
    assert ok(s3.get_object(Bucket=bucket, Key="form/%s.txt" % version))["Body"].read() == b"from a form"

# versions, markers, locks, customers' keys, in a bucket of their own
locked = bucket + "-locked"
ok(s3.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True))
old = ok(s3.put_object(Bucket=locked, Key="k", Body=b"old"))["VersionId"]
new = ok(s3.put_object(Bucket=locked, Key="k", Body=b"new", Tagging="a=1"))["VersionId"]
assert ok(s3.get_object(Bucket=locked, Key="k", VersionId=old))["Body"].read() == b"old"
assert ok(s3.get_object_tagging(Bucket=locked, Key="k", VersionId=new))["TagSet"] == [{"Key": "a", "Value": "1"}]
marker = ok(s3.delete_object(Bucket=locked, Key="k"), 204)
assert marker["DeleteMarker"]
r = ok(s3.list_object_versions(Bucket=locked))
assert [v["VersionId"] for v in r["Versions"]] == [new, old] and len(r["DeleteMarkers"]) == 1
ok(s3.put_object_legal_hold(Bucket=locked, Key="k", VersionId=old, LegalHold={"Status": "ON"}))
fails("AccessDenied", s3.delete_object, Bucket=locked, Key="k", VersionId=old)
ok(s3.put_object_legal_hold(Bucket=locked, Key="k", VersionId=old, LegalHold={"Status": "OFF"}))
sse = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
ok(s3.put_object(Bucket=locked, Key="secret", Body=body, **sse))
assert ok(s3.get_object(Bucket=locked, Key="secret", **sse))["Body"].read() == body
fails("InvalidRequest", s3.get_object, Bucket=locked, Key="secret")
ok(s3.put_bucket_lifecycle_configuration(Bucket=locked, LifecycleConfiguration={"Rules": [
    {"ID": "r", "Filter": {"Prefix": "x/"}, "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 3}}]}))
assert ok(s3.get_bucket_lifecycle_configuration(Bucket=locked))["Rules"][0]["ID"] == "r"
everything = [{"Key": v["Key"], "VersionId": v["VersionId"]} for page in s3.get_paginator("list_object_versions").paginate(Bucket=locked, PaginationConfig={"PageSize": 1})
              for v in page.get("Versions", []) + page.get("DeleteMarkers", [])]
assert len(everything) == 4, everything
assert "Errors" not in ok(s3.delete_objects(Bucket=locked, Delete={"Objects": everything}))
ok(s3.delete_bucket(Bucket=locked), 204)

# multi-delete, then the bucket
r = ok(s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys] + [{"Key": "missing"}], "Quiet": False}))
assert len(r["Deleted"]) == 26 and "Errors" not in r
fails("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
for o in ok(s3.list_objects_v2(Bucket=bucket))["Contents"]:
    ok(s3.delete_object(Bucket=bucket, Key=o["Key"]), 204)
ok(s3.delete_bucket(Bucket=bucket), 204)
fails("NoSuchBucket", s3.list_objects_v2, Bucket=bucket)
print("PASSED")
