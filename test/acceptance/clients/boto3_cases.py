"""What boto3.ts asks of boto3; each function is a case, its arguments come from the command line."""

import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1024 * 1024
client = boto3.client(
    "s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, max_pool_connections=16)
)


def refused(code, call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response["Error"]
        return error.response
    raise AssertionError(f"expected {code}")


def tree(source, target):
    client.create_bucket(Bucket="boto3-tree")
    names = [
        os.path.relpath(os.path.join(folder, name), source)
        for folder, _, files in os.walk(source)
        for name in files
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: client.upload_file(os.path.join(source, name), "boto3-tree", name), names))
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="boto3-tree", PaginationConfig={"PageSize": 50})
    listed = [item["Key"] for page in pages for item in page["Contents"]]
    assert sorted(listed) == sorted(names)
    assert [key.encode() for key in listed] == sorted(key.encode() for key in names)

    def fetch(name):
        path = os.path.join(target, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        client.download_file("boto3-tree", name, path)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fetch, listed))


def large(source, target):
    client.create_bucket(Bucket="boto3-large")
    began = time.monotonic()
    client.upload_file(
        source, "boto3-large", "file", Config=TransferConfig(multipart_chunksize=32 * MIB, max_concurrency=8)
    )
    up = time.monotonic() - began
    size = client.head_object(Bucket="boto3-large", Key="file")["ContentLength"]
    assert size == os.path.getsize(source)
    step = 24 * MIB + 12345
    began = time.monotonic()
    with open(target, "wb") as file:

        def fetch(first):
            last = min(first + step, size) - 1
            answer = client.get_object(Bucket="boto3-large", Key="file", Range=f"bytes={first}-{last}")
            assert answer["ContentRange"] == f"bytes {first}-{last}/{size}"
            at = first
            for piece in answer["Body"].iter_chunks(MIB):
                at += os.pwrite(file.fileno(), piece, at)
            assert at == last + 1

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(fetch, range(0, size, step)))
    print(f"up {up:.0f} s, down {time.monotonic() - began:.0f} s")


def request(method, url, body=None, headers=None):
    asked = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def presigned():
    bucket, key = "boto3-presigned", "presigned key + ü"
    client.create_bucket(Bucket=bucket)
    where = {"Bucket": bucket, "Key": key}
    url = client.generate_presigned_url("put_object", Params=where, ExpiresIn=60)
    assert request("PUT", url, b"by link")[0] == 200
    url = client.generate_presigned_url("get_object", Params=where, ExpiresIn=60)
    assert request("GET", url)[2] == b"by link"
    assert request("HEAD", url)[0] == 403
    assert request("GET", url[:-1] + ("0" if url[-1] != "0" else "1"))[0] == 403
    upload = client.create_multipart_upload(**where)["UploadId"]
    parts, bytes_sent = [], []
    for number, size in ((1, 5 * MIB), (2, 6 * MIB), (3, 10)):
        body = os.urandom(size)
        given = {**where, "UploadId": upload, "PartNumber": number}
        url = client.generate_presigned_url("upload_part", Params=given, ExpiresIn=60)
        status, headers, _ = request("PUT", url, body)
        assert status == 200
        parts.append({"PartNumber": number, "ETag": {k.lower(): v for k, v in headers.items()}["etag"]})
        bytes_sent.append(body)
    client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    assert client.get_object(**where)["Body"].read() == b"".join(bytes_sent)
    part = client.get_object(**where, PartNumber=2)
    assert part["PartsCount"] == 3 and part["Body"].read() == bytes_sent[1]


def form():
    bucket = "boto3-form"
    client.create_bucket(Bucket=bucket)
    form_fields = {"success_action_status": "201", "Content-Type": "text/plain"}
    given = client.generate_presigned_post(
        bucket,
        "up/${filename}",
        Fields=form_fields,
        Conditions=[
            ["starts-with", "$key", "up/"],
            ["content-length-range", 1, 100],
            {"success_action_status": "201"},
            {"Content-Type": "text/plain"},
        ],
        ExpiresIn=60,
    )

    def post(body):
        boundary = uuid.uuid4().hex
        text = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in given["fields"].items()
        )
        text += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo.txt"\r\n'
        text += "Content-Type: text/plain\r\n\r\n"
        data = text.encode() + body + f"\r\n--{boundary}--\r\n".encode()
        return request("POST", given["url"], data, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    status, _, answer = post(b"from a form")
    assert status == 201 and b"<Key>up/photo.txt</Key>" in answer, (status, answer)
    stored = client.get_object(Bucket=bucket, Key="up/photo.txt")
    assert stored["Body"].read() == b"from a form" and stored["ContentType"] == "text/plain"
    status, _, answer = post(b"x" * 101)
    assert status == 400 and b"EntityTooLarge" in answer, (status, answer)
    assert client.get_object(Bucket=bucket, Key="up/photo.txt")["Body"].read() == b"from a form"


def versions():
    bucket, key = "boto3-versions", "doc"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key=key, Body=b"null")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    ids = [client.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"] for body in (b"one", b"two")]
    marker = client.delete_object(Bucket=bucket, Key=key)
    assert marker["DeleteMarker"] is True
    refused("NoSuchKey", client.get_object, Bucket=bucket, Key=key)
    for version, body in (("null", b"null"), (ids[0], b"one"), (ids[1], b"two")):
        assert client.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read() == body
    listed = client.list_object_versions(Bucket=bucket)
    assert [item["VersionId"] for item in listed["Versions"]] == [ids[1], ids[0], "null"]
    assert [item["VersionId"] for item in listed["DeleteMarkers"]] == [marker["VersionId"]]
    client.delete_object(Bucket=bucket, Key=key, VersionId=marker["VersionId"])
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"two"
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    client.put_object(Bucket=bucket, Key=key, Body=b"null again")
    assert client.get_object(Bucket=bucket, Key=key, VersionId="null")["Body"].read() == b"null again"
    assert len(client.list_object_versions(Bucket=bucket)["Versions"]) == 3
    refused("PreconditionFailed", client.put_object, Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
    client.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == [{"Key": "a", "Value": "b"}]
    refused("BucketNotEmpty", client.delete_bucket, Bucket=bucket)
    boto3.resource("s3").Bucket(bucket).object_versions.delete()
    client.delete_bucket(Bucket=bucket)


globals()[sys.argv[1]](*sys.argv[2:])
