"""Fills a moto server: a user whose keys sign all that comes, then five of everything.

    moto_first.py ENDPOINT
"""

import functools
import json
import sys

import boto3
from botocore.config import Config

endpoint = sys.argv[1]
options = {"endpoint_url": endpoint, "region_name": "us-east-1", "config": Config(s3={"addressing_style": "path"})}

# The server takes so many calls as they come; from the fourth on it looks at keys and signatures.
iam = boto3.client("iam", **options)
iam.create_user(UserName="tester")
key = iam.create_access_key(UserName="tester")["AccessKey"]
everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=json.dumps(everything))

session = boto3.Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


@functools.cache
def client(service):
    return session.client(service, **options)


client("dynamodb").create_table(
    TableName="orders",
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
topic = client("sns").create_topic(Name="alerts")["TopicArn"]
queue = client("sqs").create_queue(QueueName="alerts")["QueueUrl"]
client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:alerts")
client("s3").create_bucket(Bucket="files")
role = json.dumps({"Version": "2012-10-17", "Statement": []})
for number in range(5):
    name = f"n{number}"
    client("dynamodb").put_item(TableName="orders", Item={"id": {"S": name}, "total": {"N": f"{number}.50"}})
    client("sqs").create_queue(QueueName=name)
    client("ssm").put_parameter(Name=f"/app/{name}", Value=name, Type="SecureString")
    client("secretsmanager").create_secret(Name=name, SecretString=name)
    client("logs").create_log_group(logGroupName=name)
    client("events").put_rule(Name=name, ScheduleExpression="rate(1 day)")
    client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=role)
    client("ecs").create_cluster(clusterName=name)
    client("kms").create_key(Description=name)
    client("kinesis").create_stream(StreamName=name, ShardCount=1)
    client("ec2").create_key_pair(KeyName=name)
    client("s3").put_object(Bucket="files", Key=f"a b/{name}+ü", Body=name.encode())
print(json.dumps({"key": key["AccessKeyId"], "secret": key["SecretAccessKey"], "topic": topic, "queue": queue}))
