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

/// Hosts that follow no rule: service, region or the beginning of one, host, and region of signatures.
const EXCEPTIONS: [(&str, &str, &str, &str); 13] = [
    ("iam", "us-gov-", "iam.us-gov.amazonaws.com", "us-gov-west-1"),
    ("iam", "cn-", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("route53", "us-gov-", "route53.us-gov.amazonaws.com", "us-gov-west-1"),
    ("cloudfront", "cn-", "cloudfront.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
    ("budgets", "eusc-", "budgets.eusc-de-east-1.api.amazonwebservices.eu", "eusc-de-east-1"),
    ("ce", "eusc-", "ce.eusc-de-east-1.api.amazonwebservices.eu", "eusc-de-east-1"),
    ("health", "eusc-", "health.eusc-de-east-1.api.amazonwebservices.eu", "eusc-de-east-1"),
    ("sdb", "us-east-1", "sdb.amazonaws.com", "us-east-1"),
    ("transcribe", "cn-north-1", "cn.transcribe.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("support", "cn-", "support.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("support", "us-gov-", "support.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ("iot-data", "cn-north-1", "data.ats.iot.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("account", "cn-", "account.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
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
    let (host, signing_region) = match global_host(service, &region) {
        Some((host, region)) => (host, region),
        None => regional_host(service, &region, settings),
    };
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

/// Host and region of what is in one place only.
fn global_host(service: &Service, region: &str) -> Option<(String, String)> {
    let exception = EXCEPTIONS
        .iter()
        .find(|(name, regions, _, _)| *name == service.name && region.starts_with(regions));
    if let Some((_, _, host, region)) = exception {
        return Some(((*host).to_owned(), (*region).to_owned()));
    }
    let partition = partition_of(region);
    let is_usual = partition.regions.is_empty();
    let says = |letter: char| service.location.contains(letter);
    let suffix = if says('d') { partition.dual_stack } else { partition.suffix };
    let global = if says('w') && is_usual { "us-west-2" } else { partition.global };
    if says('h') || says('H') && is_usual {
        return Some((format!("{}.{suffix}", service.prefix), global.to_owned()));
    }
    let is_global = says('g') || says('w') || says('H') || says('G') && is_usual;
    is_global.then(|| (format!("{}.{global}.{suffix}", service.prefix), global.to_owned()))
}

fn regional_host(service: &Service, region: &str, settings: &Settings) -> (String, String) {
    let partition = partition_of(region);
    let is_dual_stack = settings.is_on("AWS_USE_DUALSTACK_ENDPOINT");
    let fips = if settings.is_on("AWS_USE_FIPS_ENDPOINT") { "-fips" } else { "" };
    let prefix = &service.prefix;
    let host = match (prefix.as_str(), is_dual_stack || service.location.contains('d')) {
        ("s3", true) => format!("s3{fips}.dualstack.{region}.{}", partition.suffix),
        (_, true) => format!("{prefix}{fips}.{region}.{}", partition.dual_stack),
        (_, false) => format!("{prefix}{fips}.{region}.{}", partition.suffix),
    };
    (host, region.to_owned())
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
