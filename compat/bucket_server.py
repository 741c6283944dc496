"""An S3 store (moto) in its own thread. It checks signatures and knows one key."""

from __future__ import annotations

import logging
import os
from typing import Any

# Read when the library is loaded. The first calls make the key and the bucket; after this many, every call must be
# signed.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

HOST, REGION, BUCKET, PREFIX = "127.0.0.1", "eu-central-1", "files", "axme/media"
POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


class BucketServer:
    def __init__(self, port: int) -> None:
        self.endpoint = f"http://{HOST}:{port}"
        self._server = ThreadedMotoServer(ip_address=HOST, port=port, verbose=False)

    def start(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._server.start()
        iam = self._client("iam", "anybody", "anything")
        iam.create_user(UserName="axme")
        iam.put_user_policy(UserName="axme", PolicyName="files", PolicyDocument=POLICY)
        key = iam.create_access_key(UserName="axme")["AccessKey"]
        self.key_id, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        self._s3 = self._client("s3", self.key_id, self.secret)
        self._s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def stop(self) -> None:
        self._server.stop()

    def settings(self) -> dict[str, str]:
        return {
            "AXME_MEDIA__URL": f"s3://{BUCKET}/{PREFIX}",
            "AXME_MEDIA__ENDPOINT": self.endpoint,
            "AXME_MEDIA__REGION": REGION,
            "AXME_MEDIA__ACCESS_KEY_ID": self.key_id,
            "AXME_MEDIA__SECRET_ACCESS_KEY": self.secret,
        }

    def objects(self, begin: str) -> dict[str, int]:
        """Returns the length of every object whose name begins with `begin`."""
        listed = self._s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/{begin}").get("Contents", [])
        return {entry["Key"]: entry["Size"] for entry in listed}

    def unfinished(self) -> int:
        return len(self._s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))

    def _client(self, service: str, key_id: str, secret: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )
