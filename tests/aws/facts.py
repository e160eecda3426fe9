"""Prints what botocore knows of every service, one JSON object a line, for the tests to compare with the table.

Hosts are those that the rule sets of the services resolve for an operation without parameters.
"""

import json

import botocore.session
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError

REGIONS = ["us-east-1", "eu-west-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1", "us-iso-east-1"]

session = botocore.session.Session()
loader = session.get_component("data_loader")
resolver = session.get_component("endpoint_resolver")
partitions = loader.load_data("partitions")


def endpoint(name, metadata, provider, rules, region, **options):
    """Host and signing region, or None where the service says that there is none."""
    arguments = {"Region": region, "UseFIPS": False, "UseDualStack": False, **options}
    known = {key: value for key, value in arguments.items() if key in rules["parameters"]}
    try:
        found = provider.resolve_endpoint(**known)
    except EndpointProviderError as error:
        return {"error": str(error)}
    signing_region = region
    if not options:
        legacy = resolver.construct_endpoint(metadata["endpointPrefix"], region)
        signing_region = ((legacy or {}).get("credentialScope") or {}).get("region") or region
    schemes = [scheme for scheme in found.properties.get("authSchemes", []) if scheme["name"] == "sigv4"]
    name = metadata.get("signingName", metadata["endpointPrefix"])
    if schemes:
        signing_region = schemes[0].get("signingRegion", signing_region)
        name = schemes[0].get("signingName", name)
    return {"url": found.url, "region": signing_region, "name": name}


def tokens(model):
    """Operation and parameter, where the parameter says that a request is the same as one before."""
    shapes = model["shapes"]
    for name, operation in model["operations"].items():
        members = shapes[operation["input"]["shape"]].get("members", {}) if "input" in operation else {}
        for member, it in members.items():
            if it.get("idempotencyToken") or shapes[it["shape"]].get("idempotencyToken"):
                yield name, member


for name in loader.list_available_services("service-2"):
    model = loader.load_service_model(name, "service-2")
    metadata = model["metadata"]
    rules = loader.load_service_model(name, "endpoint-rule-set-1")
    provider = EndpointProvider(rules, partitions)
    hosts = {region: endpoint(name, metadata, provider, rules, region) for region in REGIONS}
    hosts["fips"] = endpoint(name, metadata, provider, rules, "us-east-1", UseFIPS=True)
    hosts["dualstack"] = endpoint(name, metadata, provider, rules, "us-east-1", UseDualStack=True)
    protocols = metadata.get("protocols", [metadata["protocol"]])
    print(json.dumps({
        "name": name,
        "protocols": protocols,
        "protocol": metadata["protocol"],
        "target": metadata.get("targetPrefix"),
        "json": metadata.get("jsonVersion"),
        "version": metadata["apiVersion"],
        "prefix": metadata["endpointPrefix"],
        "signing": metadata.get("signingName", metadata["endpointPrefix"]),
        "id": metadata["serviceId"],
        "unsigned": [op for op, it in model["operations"].items() if it.get("authtype") == "none" or it.get("auth") == ["smithy.api#noAuth"]],
        "tokens": list(tokens(model)),
        "operations": list(model["operations"]),
        "hosts": hosts,
    }))
