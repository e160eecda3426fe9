//! awsQuery and ec2Query: parameters flattened into a form, answers from XML.

use rhai::{Array, Blob, Dynamic, Map};

use super::not_too_deep;
use crate::aws::sigv4::encoded;
use crate::bounds::{self, Bounded};
use crate::effects::Failure;
use crate::library::{plain_text, xml};
use crate::time::Time;

/// What a list's items are called where it is not `member`: services, list, item.
const ITEMS: &[(&str, &[(&str, &str)])] = &[
    (
        "rds docdb neptune",
        &[
            ("AssociatedRoles", "DBClusterAssociatedRole"),
            ("AvailabilityZones", "AvailabilityZone"),
            ("DBSecurityGroupMemberships", "DBSecurityGroupName"),
            ("DBSecurityGroups", "DBSecurityGroupName"),
            ("EventCategories", "EventCategory"),
            ("Filters", "Filter"),
            ("OptionSettings", "OptionSetting"),
            ("OptionsToInclude", "OptionConfiguration"),
            ("Parameters", "Parameter"),
            ("ProcessorFeatures", "ProcessorFeature"),
            ("SourceIds", "SourceId"),
            ("SubnetIds", "SubnetIdentifier"),
            ("TagSpecifications", "item"),
            ("Tags", "Tag"),
            ("TargetResourceConfigurations", "TargetResourceConfiguration"),
            ("Values", "Value"),
            ("ValuesToAdd", "AttributeValue"),
            ("ValuesToRemove", "AttributeValue"),
            ("VpcSecurityGroupIds", "VpcSecurityGroupId"),
            ("VpcSecurityGroupMemberships", "VpcSecurityGroupId"),
        ],
    ),
    (
        "elasticache",
        &[
            ("CacheNodeIdsToReboot", "CacheNodeId"),
            ("CacheNodeIdsToRemove", "CacheNodeId"),
            ("CacheSecurityGroupNames", "CacheSecurityGroupName"),
            ("GlobalNodeGroupsToRemove", "GlobalNodeGroupId"),
            ("GlobalNodeGroupsToRetain", "GlobalNodeGroupId"),
            ("LogDeliveryConfigurations", "LogDeliveryConfigurationRequest"),
            ("NewAvailabilityZones", "PreferredAvailabilityZone"),
            ("NodeGroupConfiguration", "NodeGroupConfiguration"),
            ("NodeGroupsToRemove", "NodeGroupToRemove"),
            ("NodeGroupsToRetain", "NodeGroupToRetain"),
            ("ParameterNameValues", "ParameterNameValue"),
            ("PreferredAvailabilityZones", "PreferredAvailabilityZone"),
            ("PreferredCacheClusterAZs", "AvailabilityZone"),
            ("PreferredOutpostArns", "PreferredOutpostArn"),
            ("RegionalConfigurations", "RegionalConfiguration"),
            ("ReplicaAvailabilityZones", "AvailabilityZone"),
            ("ReplicaConfiguration", "ConfigureShard"),
            ("ReplicaOutpostArns", "OutpostArn"),
            ("ReshardingConfiguration", "ReshardingConfiguration"),
            ("SecurityGroupIds", "SecurityGroupId"),
            ("SnapshotArns", "SnapshotArn"),
            ("SnapshotArnsToRestore", "SnapshotArn"),
            ("SubnetIds", "SubnetIdentifier"),
            ("Tags", "Tag"),
        ],
    ),
    (
        "redshift",
        &[
            ("AddIamRoles", "IamRoleArn"),
            ("AttributeNames", "AttributeName"),
            ("ClusterIds", "ClusterIdentifier"),
            ("ClusterSecurityGroups", "ClusterSecurityGroupName"),
            ("DbGroups", "DbGroup"),
            ("EventCategories", "EventCategory"),
            ("IamRoles", "IamRoleArn"),
            ("Identifiers", "DeleteClusterSnapshotMessage"),
            ("Parameters", "Parameter"),
            ("RemoveIamRoles", "IamRoleArn"),
            ("ScheduleDefinitions", "ScheduleDefinition"),
            ("SnapshotIdentifierList", "String"),
            ("SortingEntities", "SnapshotSortingEntity"),
            ("SourceIds", "SourceId"),
            ("SsoTagKeys", "TagKey"),
            ("SubnetIds", "SubnetIdentifier"),
            ("TagKeys", "TagKey"),
            ("TagList", "Tag"),
            ("TagValues", "TagValue"),
            ("Tags", "Tag"),
            ("VpcIds", "VpcIdentifier"),
            ("VpcSecurityGroupIds", "VpcSecurityGroupId"),
        ],
    ),
    ("autoscaling", &[("References", "Reference")]),
];

/// Lists of one operation alone: service, operation, list, what it is called in the form, and its items.
const ITEMS_OF_AN_OPERATION: &[(&str, &str, &str, &str, &str)] = &[
    ("elasticache", "CreateServerlessCache", "SubnetIds", "SubnetIds", "SubnetId"),
    (
        "elasticache",
        "IncreaseNodeGroupsInGlobalReplicationGroup",
        "PreferredAvailabilityZones",
        "PreferredAvailabilityZones",
        "AvailabilityZone",
    ),
    (
        "elasticache",
        "ModifyReplicationGroupShardConfiguration",
        "PreferredAvailabilityZones",
        "PreferredAvailabilityZones",
        "AvailabilityZone",
    ),
    ("rds", "CreateDBProxy", "VpcSecurityGroupIds", "VpcSecurityGroupIds", "member"),
    ("rds", "CreateDBProxyEndpoint", "VpcSecurityGroupIds", "VpcSecurityGroupIds", "member"),
    ("rds", "ModifyDBProxyEndpoint", "VpcSecurityGroupIds", "VpcSecurityGroupIds", "member"),
    ("redshift", "DescribeIntegrations", "Filters", "Filters", "DescribeIntegrationsFilter"),
    ("redshift", "DescribeIntegrations", "Values", "Values", "Value"),
    (
        "redshift",
        "DescribeNodeConfigurationOptions",
        "Filters",
        "Filter",
        "NodeConfigurationOptionsFilter",
    ),
    ("redshift", "DescribeNodeConfigurationOptions", "Values", "Value", "item"),
    ("redshift", "DescribeScheduledActions", "Filters", "Filters", "ScheduledActionFilter"),
    ("redshift", "DescribeScheduledActions", "Values", "Values", "item"),
];

/// Lists of EC2 whose parameter is not their name without its last `s`. Inside of another parameter
/// alone, that one stands before.
const EC2: &[(&str, &str)] = &[
    ("AddAllowedPrincipals", "AddAllowedPrincipals"),
    ("AddTransitGatewayCidrBlocks", "AddTransitGatewayCidrBlocks"),
    ("AuthenticationOptions", "Authentication"),
    ("ClassicLoadBalancers", "ClassicLoadBalancers"),
    ("ConnectionEvents", "ConnectionEvents"),
    ("CustomDnsServers", "CustomDnsServers"),
    ("DnsServers", "DnsServers"),
    ("ExecutableUsers", "ExecutableBy"),
    ("ImageCriteria", "ImageCriterion"),
    ("InsideCidrBlocks", "InsideCidrBlocks"),
    ("IpPermissions", "IpPermissions"),
    ("IpPermissions.PrefixListIds", "PrefixListIds"),
    ("IpRanges", "IpRanges"),
    ("Ipv6Addresses", "Ipv6Addresses"),
    ("Ipv6Ranges", "Ipv6Ranges"),
    ("Ipv4Prefixes", "Ipv4Prefix"),
    ("Ipv6Prefixes", "Ipv6Prefix"),
    ("LaunchSpecifications", "LaunchSpecifications"),
    ("NetworkInterface.Groups", "SecurityGroupId"),
    ("NetworkInterfaceIds", "NetworkInterfaceId"),
    ("Overrides", "Overrides"),
    ("OwnerIds", "OwnerId"),
    ("PrivateIpAddresses", "PrivateIpAddresses"),
    ("PriceSchedules", "PriceSchedules"),
    ("RemoveAllowedPrincipals", "RemoveAllowedPrincipals"),
    ("RemoveTransitGatewayCidrBlocks", "RemoveTransitGatewayCidrBlocks"),
    ("Resources", "ResourceId"),
    ("ResourceStatement.Resources", "Resource"),
    ("RestorableByUserIds", "RestorableBy"),
    ("SecondaryInterface.PrivateIpAddresses", "PrivateIpAddress"),
    ("TargetGroups", "TargetGroups"),
    ("TransitGatewayAttachmentIds", "TransitGatewayAttachmentIds"),
    ("TransitGatewayCidrBlocks", "TransitGatewayCidrBlocks"),
    ("TransitGatewayIds", "TransitGatewayIds"),
    ("TunnelOptions", "TunnelOptions"),
    ("UserIdGroupPairs", "Groups"),
    ("Versions", "LaunchTemplateVersion"),
];

/// Parameters of EC2 that are called otherwise in one operation: where they are not inside of another, or
/// inside of the one that stands before.
const EC2_OF_AN_OPERATION: &[(&str, &str, &str)] = &[
    ("AcceptTransitGatewayMulticastDomainAssociations", "SubnetIds", "SubnetIds"),
    ("RejectTransitGatewayMulticastDomainAssociations", "SubnetIds", "SubnetIds"),
    ("AssignPrivateIpAddresses", "PrivateIpAddresses", "PrivateIpAddress"),
    ("AssignPrivateNatGatewayAddress", "PrivateIpAddresses", "PrivateIpAddress"),
    ("AssociateNatGatewayAddress", "PrivateIpAddresses", "PrivateIpAddress"),
    ("UnassignPrivateIpAddresses", "PrivateIpAddresses", "PrivateIpAddress"),
    ("UnassignPrivateNatGatewayAddress", "PrivateIpAddresses", "PrivateIpAddress"),
    ("AttachClassicLinkVpc", "Groups", "SecurityGroupId"),
    ("CreateCapacityReservation", "TagSpecifications", "TagSpecifications"),
    ("CreateTransitGatewayMeteringPolicy", "TagSpecifications", "TagSpecifications"),
    ("CreateInstanceExportTask", "ExportToS3Task", "ExportToS3"),
    ("CreateNetworkAclEntry", "IcmpTypeCode", "Icmp"),
    ("ReplaceNetworkAclEntry", "IcmpTypeCode", "Icmp"),
    ("DescribePrincipalIdFormat", "Resources", "Resource"),
    (
        "DescribeTransitGatewayMeteringPolicies",
        "TransitGatewayMeteringPolicyIds",
        "TransitGatewayMeteringPolicyIds",
    ),
    (
        "DescribeTransitGatewayRouteTableAnnouncements",
        "TransitGatewayRouteTableAnnouncementIds",
        "TransitGatewayRouteTableAnnouncementIds",
    ),
    ("GetFlowLogsIntegrationTemplate", "IntegrateServices", "IntegrateService"),
    (
        "ModifyReservedInstances",
        "TargetConfigurations",
        "ReservedInstancesConfigurationSetItemType",
    ),
    ("RunInstances", "Ipv6Addresses", "Ipv6Address"),
    ("RunScheduledInstances", "NetworkInterface.Groups", "Group"),
    ("RunScheduledInstances", "NetworkInterface.Ipv6Addresses", "Ipv6Address"),
    ("RequestSpotFleet", "LaunchSpecifications.SecurityGroups", "GroupSet"),
    ("RequestSpotFleet", "LaunchSpecifications.NetworkInterfaces", "NetworkInterfaceSet"),
    ("RequestSpotFleet", "LaunchSpecifications.TagSpecifications", "TagSpecificationSet"),
    ("RequestSpotFleet", "NetworkInterfaceSet.Groups", "SecurityGroupId"),
    ("BatchDeleteAttributes", "Item.Name", "ItemName"),
    ("BatchPutAttributes", "Item.Name", "ItemName"),
    ("DescribeSnapshots", "OwnerIds", "Owner"),
    ("DescribeImages", "Owners", "Owner"),
    ("CreateTransitGatewayRouteTable", "TagSpecifications", "TagSpecifications"),
    ("CreateTransitGatewayPolicyTable", "TagSpecifications", "TagSpecifications"),
    ("CreateTransitGatewayPeeringAttachment", "TagSpecification", "TagSpecification"),
    ("CreateTransitGatewayVpcAttachment", "TagSpecifications", "TagSpecifications"),
    ("AssociateTransitGatewayMulticastDomain", "SubnetIds", "SubnetIds"),
    ("DisassociateTransitGatewayMulticastDomain", "SubnetIds", "SubnetIds"),
    ("CreateTransitGatewayVpcAttachment", "SubnetIds", "SubnetIds"),
    ("ModifyTransitGatewayVpcAttachment", "AddSubnetIds", "AddSubnetIds"),
    ("ModifyTransitGatewayVpcAttachment", "RemoveSubnetIds", "RemoveSubnetIds"),
    ("RegisterTransitGatewayMulticastGroupMembers", "NetworkInterfaceIds", "NetworkInterfaceIds"),
    ("RegisterTransitGatewayMulticastGroupSources", "NetworkInterfaceIds", "NetworkInterfaceIds"),
    ("DeregisterTransitGatewayMulticastGroupMembers", "NetworkInterfaceIds", "NetworkInterfaceIds"),
    ("DeregisterTransitGatewayMulticastGroupSources", "NetworkInterfaceIds", "NetworkInterfaceIds"),
    ("AssignIpv6Addresses", "Ipv6Addresses", "Ipv6Addresses"),
    (
        "DescribeTransitGatewayConnectPeers",
        "TransitGatewayConnectPeerIds",
        "TransitGatewayConnectPeerIds",
    ),
    (
        "DescribeTransitGatewayRouteTables",
        "TransitGatewayRouteTableIds",
        "TransitGatewayRouteTableIds",
    ),
    (
        "DescribeTransitGatewayMulticastDomains",
        "TransitGatewayMulticastDomainIds",
        "TransitGatewayMulticastDomainIds",
    ),
    (
        "DescribeTransitGatewayPolicyTables",
        "TransitGatewayPolicyTableIds",
        "TransitGatewayPolicyTableIds",
    ),
    ("DescribeImportImageTasks", "Filters", "Filters"),
    ("DescribeImportSnapshotTasks", "Filters", "Filters"),
    ("DescribeClientVpnTargetNetworks", "AssociationIds", "AssociationIds"),
    ("DescribeVpcClassicLinkDnsSupport", "VpcIds", "VpcIds"),
    ("ImportImage", "LicenseSpecifications", "LicenseSpecifications"),
    ("CreateSecurityGroup", "Description", "GroupDescription"),
    ("ModifyInstanceAttribute", "Groups", "GroupId"),
    ("ModifyNetworkInterfaceAttribute", "Groups", "SecurityGroupId"),
    ("CreateNetworkInterface", "Groups", "SecurityGroupId"),
    ("ReportInstanceStatus", "Instances", "InstanceId"),
    ("ModifySnapshotAttribute", "GroupNames", "UserGroup"),
    ("ModifyLaunchTemplate", "DefaultVersion", "SetDefaultVersion"),
    ("CreateFleet", "LaunchTemplateConfigs", "LaunchTemplateConfigs"),
    ("RequestSpotFleet", "SpotFleetRequestConfig.LaunchTemplateConfigs", "LaunchTemplateConfigs"),
];

/// One call, as a form.
pub(super) struct Form<'a> {
    pub service: &'a str,
    pub operation: &'a str,
    pub is_ec2: bool,
    out: String,
}

impl<'a> Form<'a> {
    /// The form of an operation with these parameters.
    ///
    /// # Errors
    /// Which of them cannot be sent.
    pub fn of(
        service: &'a str,
        operation: &'a str,
        version: &str,
        is_ec2: bool,
        parameters: &Map,
    ) -> Bounded<String> {
        let out = format!("Action={}&Version={version}", encoded(operation, false));
        // SimpleDB flattens its lists as EC2 does.
        let is_ec2 = is_ec2 || service == "sdb";
        let mut form = Self { service, operation, is_ec2, out };
        form.map("", parameters, 0)?;
        Ok(form.out)
    }

    fn map(&mut self, path: &str, map: &Map, depth: usize) -> Bounded<()> {
        for (name, value) in map {
            let name = self.wire_name(path, name, value);
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            self.value(&path, value, depth + 1)?;
        }
        Ok(())
    }

    fn value(&mut self, path: &str, value: &Dynamic, depth: usize) -> Bounded<()> {
        bounds::step(1)?;
        not_too_deep(depth)?;
        if value.is_unit() {
            return Ok(());
        }
        if let Some(map) = value.read_lock::<Map>() {
            return match self.entry_names(path) {
                Some((key_name, value_name)) => {
                    for (index, (key, value)) in map.iter().enumerate() {
                        let entry = format!("{path}.entry.{}", index + 1);
                        self.push(&format!("{entry}.{key_name}"), key);
                        self.value(&format!("{entry}.{value_name}"), value, depth + 1)?;
                    }
                    Ok(())
                }
                None => self.map(path, &map, depth),
            };
        }
        if let Some(items) = value.read_lock::<Array>() {
            // An empty list is told by its name alone.
            if items.is_empty() && !self.is_ec2 {
                self.push(path, "");
            }
            let item = match self.is_ec2 {
                true => String::new(),
                false => format!(".{}", self.item_name(path)),
            };
            for (index, value) in items.iter().enumerate() {
                self.value(&format!("{path}{item}.{}", index + 1), value, depth + 1)?;
            }
            return Ok(());
        }
        if let Some(blob) = value.read_lock::<Blob>() {
            use base64::Engine as _;
            let text = base64::prelude::BASE64_STANDARD.encode(&*blob);
            self.push(path, &text);
            return Ok(());
        }
        let text = match value.read_lock::<Time>() {
            Some(time) => Some(time.to_string()),
            None => plain_text(value)
                .filter(|_| value.as_float().is_ok_and(f64::is_finite) || !value.is_float()),
        };
        match text {
            Some(text) => self.push(path, &text),
            None => {
                let kind = match value.as_float() {
                    Ok(number) => number.to_string(),
                    Err(kind) => kind.to_owned(),
                };
                let message = format!("the parameter `{path}` is {kind}, which cannot be sent");
                return Err(Failure::new("Aws.InvalidRequest", message).into());
            }
        }
        Ok(())
    }

    fn push(&mut self, path: &str, value: &str) {
        self.out.push('&');
        self.out.push_str(&encoded(path, false));
        self.out.push('=');
        // As forms have spaces, byte for byte what the SDKs send.
        self.out.push_str(&encoded(value, false).replace("%20", "+"));
    }

    /// What a parameter inside of another is called in the form.
    fn wire_name(&self, path: &str, name: &str, value: &Dynamic) -> String {
        if !self.is_ec2 {
            let found = self.of_operation().find(|(_, _, list, _, _)| *list == name);
            return found.map_or(name, |(_, _, _, wire, _)| wire).to_owned();
        }
        let is_name = |part: &&str| part.contains(|letter: char| letter.is_ascii_alphabetic());
        let parent = path.rsplit('.').find(is_name).unwrap_or_default();
        let inside = |list: &str| list.split_once('.') == Some((parent, name));
        let of_operation = EC2_OF_AN_OPERATION.iter().find(|(operation, list, _)| {
            *operation == self.operation && (*list == name && path.is_empty() || inside(list))
        });
        if let Some((_, _, wire)) = of_operation {
            return (*wire).to_owned();
        }
        if !value.is_array() {
            return name.to_owned();
        }
        let known = EC2.iter().find(|(list, _)| inside(list));
        let known = known.or_else(|| EC2.iter().find(|(list, _)| *list == name));
        if let Some((_, wire)) = known {
            return (*wire).to_owned();
        }
        let is_fleet = ["ModifySpotFleetRequest", "RequestSpotFleet"].contains(&self.operation);
        if is_fleet && parent == "InstanceRequirements" {
            return format!("{}Set", name.strip_suffix('s').unwrap_or(name));
        }
        if let Some(start) = name.strip_suffix("ies") {
            return format!("{start}y");
        }
        if name.ends_with("sses") {
            return name[..name.len() - 2].to_owned();
        }
        let is_plural = name.ends_with('s') && !name.ends_with("ss");
        if is_plural { name[..name.len() - 1].to_owned() } else { name.to_owned() }
    }

    fn of_operation(
        &self,
    ) -> impl Iterator<
        Item = &'static (&'static str, &'static str, &'static str, &'static str, &'static str),
    > {
        ITEMS_OF_AN_OPERATION.iter().filter(|(service, operation, ..)| {
            *service == self.service && *operation == self.operation
        })
    }

    /// What an item of this list is called.
    fn item_name(&self, path: &str) -> &'static str {
        let list = path.rsplit('.').next().unwrap_or_default();
        if let Some((_, _, _, _, item)) =
            self.of_operation().find(|(_, _, _, wire, _)| *wire == list)
        {
            return item;
        }
        ITEMS
            .iter()
            .filter(|(services, _)| services.split(' ').any(|name| name == self.service))
            .flat_map(|(_, lists)| lists.iter())
            .find(|(name, _)| *name == list)
            .map_or("member", |(_, item)| item)
    }

    /// What key and value are called of a map that has names of the caller's own.
    fn entry_names(&self, path: &str) -> Option<(&'static str, &'static str)> {
        let name = path.rsplit('.').next().unwrap_or_default();
        match (self.service, name) {
            ("sns", "MessageAttributes") => Some(("Name", "Value")),
            ("sns", "Attributes" | "attributes")
            | ("cloudformation", "ResourceIdentifier")
            | ("elbv2", "AuthenticationRequestExtraParams")
            | ("iam", "ReplacementValues" | "Properties")
            | ("rds" | "redshift", "AdditionalEncryptionContext") => Some(("key", "value")),
            _ => None,
        }
    }
}

/// What an answer says: the content of `…Result` or, for EC2, of `…Response`, with lists as arrays and
/// entries as maps.
///
/// # Errors
/// What is wrong with the XML.
pub(super) fn answer(text: &str) -> Bounded<Map> {
    let mut root = xml::parse_plainly(text)?;
    let Some(response) = root.values_mut().next() else { return Ok(Map::new()) };
    let Some(mut response) = response.take().try_cast::<Map>() else { return Ok(Map::new()) };
    response.remove("ResponseMetadata");
    response.remove("requestId");
    response.retain(|name, _| !name.starts_with('@'));
    let result = response.keys().find(|name| name.ends_with("Result")).cloned();
    let result = match (result, response.len()) {
        (Some(name), 1) => response.remove(&name).and_then(Dynamic::try_cast::<Map>),
        _ => Some(response),
    };
    let mut result = result.unwrap_or_default();
    result.retain(|name, _| !name.starts_with('@'));
    for value in result.values_mut() {
        plain(value)?;
    }
    Ok(result)
}

/// Has a list where the XML has an element for the list and one for each item.
fn plain(value: &mut Dynamic) -> Bounded<()> {
    bounds::step(1)?;
    if let Some(mut items) = value.write_lock::<Array>() {
        return items.iter_mut().try_for_each(plain);
    }
    let only = match value.read_lock::<Map>() {
        Some(map) if map.len() == 1 => map.keys().next().map(|name| name.to_string()),
        Some(_) => None,
        None => return Ok(()),
    };
    match only.as_deref() {
        Some(name @ ("member" | "item" | "entry")) => {
            let mut map = value.take().try_cast::<Map>().unwrap_or_default();
            let inner = map.remove(name).unwrap_or_default();
            let mut items = match inner.is_array() {
                true => inner.try_cast::<Array>().unwrap_or_default(),
                false => vec![inner],
            };
            items.iter_mut().try_for_each(plain)?;
            *value = if name == "entry" { entries(items) } else { items.into() };
        }
        _ => {
            if let Some(mut map) = value.write_lock::<Map>() {
                map.retain(|name, _| !name.starts_with('@'));
                map.values_mut().try_for_each(plain)?;
            }
        }
    }
    Ok(())
}

/// A map of entries that have `key` and `value`; otherwise the entries.
fn entries(items: Array) -> Dynamic {
    let mut map = Map::new();
    for item in &items {
        let pair = item.read_lock::<Map>().and_then(|entry| {
            let field = |names: [&str; 2]| names.iter().find_map(|name| entry.get(*name).cloned());
            let key = field(["key", "Name"])?.into_immutable_string().ok()?;
            Some((key, field(["value", "Value"])?))
        });
        match pair {
            Some((key, value)) => map.insert(key.as_str().into(), value),
            None => return items.into(),
        };
    }
    map.into()
}

/// What an error in XML says, in all the forms that there are: `<ErrorResponse><Error>…`,
/// `<Response><Errors><Error>…` and `<Error>…` alone.
///
/// # Errors
/// What is wrong with the XML.
pub(super) fn error(text: &str) -> Bounded<Map> {
    let mut map = xml::parse_plainly(text)?;
    let mut request_id = None;
    for _ in 0..4 {
        if map.contains_key("Code") {
            break;
        }
        let id = ["RequestId", "RequestID"].iter().find_map(|name| map.get(*name).cloned());
        request_id = id.or(request_id);
        let inner = map.into_values().find_map(|value| value.try_cast::<Map>());
        map = inner.unwrap_or_default();
    }
    if let Some(id) = request_id.filter(|id| id.is_string()) {
        map.entry("RequestId".into()).or_insert(id);
    }
    map.remove("Type");
    map.retain(|name, _| !name.starts_with('@'));
    Ok(map)
}
