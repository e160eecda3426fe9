//! Where a service is: its host in a region, or the one that the environment names instead.

use super::services::Service;
use super::sigv4::Scope;
use crate::effects::{Failure, Url};

/// A partition of AWS: by which regions it is known, the ends of its hosts without and with IPv6, and the
/// region of what is there once only.
struct Partition {
    regions: &'static str,
    suffix: &'static str,
    dual_stack: &'static str,
    global: &'static str,
}

/// The last is the one of every other region.
const PARTITIONS: [Partition; 8] = [
    Partition {
        regions: "cn-",
        suffix: "amazonaws.com.cn",
        dual_stack: "api.amazonwebservices.com.cn",
        global: "cn-northwest-1",
    },
    Partition {
        regions: "us-gov-",
        suffix: "amazonaws.com",
        dual_stack: "api.aws",
        global: "us-gov-west-1",
    },
    Partition {
        regions: "eusc-",
        suffix: "amazonaws.eu",
        dual_stack: "api.amazonwebservices.eu",
        global: "eusc-de-east-1",
    },
    Partition {
        regions: "us-iso-",
        suffix: "c2s.ic.gov",
        dual_stack: "api.aws.ic.gov",
        global: "us-iso-east-1",
    },
    Partition {
        regions: "us-isob-",
        suffix: "sc2s.sgov.gov",
        dual_stack: "api.aws.scloud",
        global: "us-isob-east-1",
    },
    Partition {
        regions: "eu-isoe-",
        suffix: "cloud.adc-e.uk",
        dual_stack: "api.cloud-aws.adc-e.uk",
        global: "eu-isoe-west-1",
    },
    Partition {
        regions: "us-isof-",
        suffix: "csp.hci.ic.gov",
        dual_stack: "api.aws.hci.ic.gov",
        global: "us-isof-south-1",
    },
    Partition { regions: "", suffix: "amazonaws.com", dual_stack: "api.aws", global: "us-east-1" },
];

/// Which of the hosts of a service an exception is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    All,
    /// Neither FIPS nor dual stack.
    Plain,
    /// FIPS without dual stack.
    Fips,
}

/// Hosts that follow no rule: the usual first part of the host, region or the beginning of one, which of
/// the hosts, host, and region of signatures. `{}` is the region.
const EXCEPTIONS: [(&str, &str, Of, &str, &str); 23] = [
    ("iam", "us-gov-", Of::All, "iam.us-gov.amazonaws.com", "us-gov-west-1"),
    ("iam", "cn-", Of::All, "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("route53", "us-gov-", Of::All, "route53.us-gov.amazonaws.com", "us-gov-west-1"),
    ("cloudfront", "cn-", Of::All, "cloudfront.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
    ("billing", "us-east-1", Of::Fips, "billing-fips.us-east-1.amazonaws.com", "{}"),
    ("budgets", "eusc-", Of::All, "budgets.{}.api.amazonwebservices.eu", "{}"),
    ("ce", "eusc-", Of::All, "ce.{}.api.amazonwebservices.eu", "{}"),
    ("health", "eusc-", Of::All, "health.{}.api.amazonwebservices.eu", "{}"),
    ("sdb", "us-east-1", Of::Plain, "sdb.amazonaws.com", "us-east-1"),
    ("transcribe", "cn-north-1", Of::All, "cn.transcribe.cn-north-1.amazonaws.com.cn", "{}"),
    ("support", "cn-", Of::All, "support.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("support", "us-gov-", Of::All, "support.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ("data-ats.iot", "cn-north-1", Of::All, "data.ats.iot.cn-north-1.amazonaws.com.cn", "{}"),
    ("account", "cn-", Of::All, "account.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
    ("bcm-data-exports", "us-iso-", Of::All, "bcm-data-exports.us-iso-east-1.c2s.ic.gov", "{}"),
    ("routes.geo", "us-gov-", Of::All, "routes.geo.{}.us-gov.amazonaws.com/v2", "{}"),
    (
        "entitlement.marketplace",
        "cn-",
        Of::All,
        "entitlement-marketplace.{}.amazonaws.com.cn",
        "{}",
    ),
    ("entitlement.marketplace", "eusc-", Of::All, "entitlement-marketplace.{}.amazonaws.eu", "{}"),
    ("metering.marketplace", "eusc-", Of::All, "metering-marketplace.{}.amazonaws.eu", "{}"),
    ("partnercentral-channel", "us-gov-", Of::All, "partnercentral-channel.us-gov.api.aws", "{}"),
    ("savingsplans", "cn-", Of::All, "savingsplans.{}.amazonaws.com.cn", "{}"),
    ("savingsplans", "us-east-1", Of::Fips, "savingsplans-fips.us-east-1.amazonaws.com", "{}"),
    ("waf", "cn-", Of::All, "waf.{}.amazonaws.com.cn", "{}"),
];

/// The first part of the FIPS host where it is not that of the usual one and `-fips`.
const FIPS: [(&str, &str); 9] = [
    ("api.sagemaker", "api-fips.sagemaker"),
    ("batch", "fips.batch"),
    ("data-ats.iot", "data.iot-fips"),
    ("eks", "fips.eks"),
    ("metrics.sagemaker", "metrics-fips.sagemaker"),
    ("models.lex", "models-fips.lex"),
    ("runtime.lex", "runtime-fips.lex"),
    ("runtime.sagemaker", "runtime-fips.sagemaker"),
    ("transcribe", "fips.transcribe"),
];

/// The first part of the dual-stack host where it is not that of the usual one.
const DUAL_STACK: [(&str, &str); 16] = [
    ("api.detective", "detective"),
    ("api.ecr", "ecr"),
    ("api.ecr-public", "ecr-public"),
    ("api.mediatailor", "mediatailor"),
    ("api.tunneling.iot", "api.iot-tunneling"),
    ("catalog.marketplace", "catalog-marketplace"),
    ("elasticfilesystem", "efs"),
    ("entitlement.marketplace", "entitlement-marketplace"),
    ("es", "aos"),
    ("ingest.timestream", "timestream-ingest"),
    ("kafka", "kafka-api"),
    ("metering.marketplace", "metering-marketplace"),
    ("query.timestream", "timestream-query"),
    ("route53-recovery-control-config", "arc-recovery-control-config"),
    ("s3-control", "s3-control.dualstack"),
    ("streams.dynamodb", "streams-dynamodb"),
];

/// Where a service is, and for whom its signatures are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// With the path that every path of the service comes behind; `/` for none.
    pub url: Url,
    /// For the signature.
    pub scope: Scope,
    /// Whether the environment or the caller named the host.
    pub is_custom: bool,
}

/// What the caller says, and the environment where the caller does not.
pub struct Settings<'a> {
    /// The region.
    pub region: Option<&'a str>,
    /// The endpoint's URL.
    pub endpoint: Option<&'a str>,
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Settings<'_> {
    fn is_on(&self, name: &str) -> bool {
        (self.variable)(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }
}

/// Finds a service as the SDKs do: an endpoint that the caller names, then `AWS_ENDPOINT_URL_<SERVICE>`,
/// then `AWS_ENDPOINT_URL`, both left alone with `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`; then by partition,
/// region, `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT`.
///
/// # Errors
/// `Aws.NoRegion`, or `Aws.InvalidEndpoint` where a region or a URL is none.
pub fn resolve(service: &Service, settings: &Settings) -> Result<Endpoint, Failure> {
    let region = settings
        .region
        .map(str::to_owned)
        .or_else(|| settings.set("AWS_REGION"))
        .or_else(|| settings.set("AWS_DEFAULT_REGION"));
    let region = region.ok_or_else(|| {
        Failure::new(
            "Aws.NoRegion",
            "there is no region: on Lambda AWS_REGION has it; elsewhere set AWS_REGION, or give the \
             option `region`",
        )
    })?;
    let is_label =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    // It becomes a part of a host, so nothing else may be in it.
    if region.is_empty() || region.len() > 63 || !region.chars().all(is_label) {
        let shown: String = region.chars().take(40).collect();
        let message = format!("`{shown}` is not a region; one looks like `eu-west-1`");
        return Err(Failure::new("Aws.InvalidEndpoint", message));
    }
    let (host, signing_region) = host(service, &region, settings);
    let scope = Scope { service: service.signing_name.clone(), region: signing_region };
    let (text, from) = match custom(service, settings) {
        Some((text, from)) => (text, Some(from)),
        None => (format!("https://{host}"), None),
    };
    let url = Url::parse(&text).map_err(|why| {
        let from = from.as_deref().unwrap_or("the region");
        let message = format!("the endpoint that {from} names cannot be used: {why}");
        Failure::new("Aws.InvalidEndpoint", message)
    })?;
    Ok(Endpoint { url, scope, is_custom: from.is_some() })
}

fn custom(service: &Service, settings: &Settings) -> Option<(String, String)> {
    if let Some(endpoint) = settings.endpoint {
        return Some((endpoint.to_owned(), "the option `endpoint`".to_owned()));
    }
    if settings.is_on("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        return None;
    }
    [format!("AWS_ENDPOINT_URL_{}", service.id), "AWS_ENDPOINT_URL".to_owned()]
        .into_iter()
        .find_map(|name| settings.set(&name).map(|url| (url, name)))
}

fn partition_of(region: &str) -> &'static Partition {
    let [known @ .., usual] = &PARTITIONS;
    known.iter().find(|partition| region.starts_with(partition.regions)).unwrap_or(usual)
}

/// The host, and for which region its signatures are.
fn host(service: &Service, region: &str, settings: &Settings) -> (String, String) {
    let partition = partition_of(region);
    let is_usual = partition.regions.is_empty();
    let says = |letter: char| service.location.contains(letter);
    let is_fips = settings.is_on("AWS_USE_FIPS_ENDPOINT");
    let is_asked = settings.is_on("AWS_USE_DUALSTACK_ENDPOINT") && !(says('s') && is_usual);
    let prefix = service.prefix.as_str();
    let exception = EXCEPTIONS.iter().find(|(name, regions, of, _, _)| {
        let is_of = match of {
            Of::All => true,
            Of::Plain => !is_fips && !is_asked,
            Of::Fips => is_fips && !is_asked,
        };
        *name == prefix && region.starts_with(regions) && is_of
    });
    if let Some((_, _, _, host, signed_for)) = exception {
        return (host.replace("{}", region), signed_for.replace("{}", region));
    }
    let is_dual_stack = is_asked || says('d') || says('D') && is_usual;
    let once = if says('w') && is_usual { "us-west-2" } else { partition.global };
    let is_once = ['g', 'h', 'H', 'w', 'x'].into_iter().any(says) || says('G') && is_usual;
    let region = if is_once { once } else { region };
    let is_bare = says('h') || says('H') && is_usual;
    let place = match (is_bare, is_asked) {
        _ if says('x') => ".global".to_owned(),
        (true, false) => String::new(),
        (true, true) if says('a') => ".global".to_owned(),
        _ => format!(".{region}"),
    };
    let other = |names: &[(&str, &'static str)]| {
        names.iter().find(|(name, _)| *name == prefix).map(|(_, other)| *other)
    };
    let first = match (is_fips, is_dual_stack) {
        (true, _) if prefix == "s3" && is_dual_stack => "s3-fips.dualstack".to_owned(),
        (false, true) if prefix == "s3" => "s3.dualstack".to_owned(),
        (true, false) => other(&FIPS).map_or_else(|| format!("{prefix}-fips"), str::to_owned),
        (_, true) if prefix == "s3-control" && is_fips => "s3-control-fips.dualstack".to_owned(),
        (is_fips, true) => {
            let name = other(&DUAL_STACK).filter(|_| is_asked).unwrap_or(prefix);
            format!("{name}{}", if is_fips { "-fips" } else { "" })
        }
        (false, false) => prefix.to_owned(),
    };
    let suffix = match is_dual_stack && !["s3", "s3-control"].contains(&prefix) || says('x') {
        true => partition.dual_stack,
        false => partition.suffix,
    };
    let path = if says('v') { "/v2" } else { "" };
    (format!("{first}{place}.{suffix}{path}"), region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::service;
    use super::*;

    fn host(name: &str, region: &str, variables: &[(&str, &str)]) -> String {
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings { region: Some(region), endpoint: None, variable: &variable };
        match resolve(&service(name), &settings) {
            Ok(found) => format!("{} {}", found.url, found.scope.region),
            Err(failure) => failure.message,
        }
    }

    #[test]
    fn hosts_are_those_of_the_sdks() {
        for (name, region, expected) in [
            ("dynamodb", "eu-west-1", "https://dynamodb.eu-west-1.amazonaws.com/ eu-west-1"),
            ("sqs", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn/ cn-north-1"),
            ("iam", "eu-west-1", "https://iam.amazonaws.com/ us-east-1"),
            ("iam", "us-gov-east-1", "https://iam.us-gov.amazonaws.com/ us-gov-west-1"),
            ("ce", "eu-west-1", "https://ce.us-east-1.amazonaws.com/ us-east-1"),
            (
                "lambda",
                "eusc-de-east-1",
                "https://lambda.eusc-de-east-1.amazonaws.eu/ eusc-de-east-1",
            ),
            ("dsql", "eu-west-1", "https://dsql.eu-west-1.api.aws/ eu-west-1"),
            ("s3", "us-east-1", "https://s3.us-east-1.amazonaws.com/ us-east-1"),
        ] {
            assert_eq!(host(name, region, &[]), expected);
        }
        let both = [("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")];
        assert_eq!(
            host("kms", "us-east-1", &both),
            "https://kms-fips.us-east-1.api.aws/ us-east-1"
        );
        let expected = "https://s3-fips.dualstack.us-east-1.amazonaws.com/ us-east-1";
        assert_eq!(host("s3", "us-east-1", &both), expected);
    }

    #[test]
    fn the_environment_names_another_host() {
        let all = ("AWS_ENDPOINT_URL", "http://localhost:4566/x");
        let one = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1");
        let none = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
        assert_eq!(host("sqs", "us-east-1", &[all, one]), "http://localhost:4566/x us-east-1");
        assert_eq!(
            host("secretsmanager", "us-east-1", &[all, one]),
            "http://127.0.0.1:1/ us-east-1"
        );
        let expected = "https://sqs.us-east-1.amazonaws.com/ us-east-1";
        assert_eq!(host("sqs", "us-east-1", &[all, one, none]), expected);
        assert!(host("sqs", "evil.example/", &[]).contains("is not a region"));
    }
}
