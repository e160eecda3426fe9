"""Prints what a script left on a moto server.

    moto_then.py ENDPOINT KEY SECRET
"""

import functools
import json
import sys

import boto3
from botocore.config import Config

endpoint, key, secret = sys.argv[1:]
session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1")


@functools.cache
def client(service):
    return session.client(service, endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}))


queue = client("sqs").get_queue_url(QueueName="alerts")["QueueUrl"]
messages = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])["Messages"]
bodies = [json.loads(message["Body"]) for message in messages]
names = [tag["Value"] for tag in client("ec2").describe_tags()["Tags"]]
print(json.dumps({
    "item": client("dynamodb").get_item(TableName="orders", Key={"id": {"S": "new"}})["Item"],
    "messages": [body["Message"] for body in bodies],
    "attributes": [body.get("MessageAttributes") for body in bodies],
    "parameter": client("ssm").get_parameter(Name="/app/new", WithDecryption=True)["Parameter"]["Value"],
    "secret": client("secretsmanager").get_secret_value(SecretId="new")["SecretString"],
    "object": client("s3").get_object(Bucket="files", Key="new/a//b ü+.txt")["Body"].read().decode(),
    "tags": names,
}, default=lambda value: value.hex()))
