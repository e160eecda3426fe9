//! What has to be known of a service to speak to it, from the models that AWS publishes.

/// A line is a service: its name; the first part of its host; its signing name; what
/// `AWS_ENDPOINT_URL_…` calls it; where it is (see [`Service::location`]); and its protocol. `-` stands
/// for what follows from the name. A REST service of which everything follows has no line.
///
/// Protocols: `j0…` and `j1…` are awsJson 1.0 and 1.1 with the target's prefix, `q…` is awsQuery and
/// `e…` ec2Query with the API's version, `r` is REST. The tests compare each line with botocore's models.
const TABLE: &str = include_str!("services.txt");

/// A line has a service, the parameter that makes its operations do no more when they are sent twice, and
/// those operations. Some refuse to go without it, and each SDK fills it in.
const TOKENS: &str = include_str!("tokens.txt");

/// Other names that people have for a service.
const ALSO: [(&str, &str); 12] = [
    ("cloudwatch-logs", "logs"),
    ("cloudwatchlogs", "logs"),
    ("cognito", "cognito-idp"),
    ("cost-explorer", "ce"),
    ("dynamodb-streams", "dynamodbstreams"),
    ("eventbridge", "events"),
    ("monitoring", "cloudwatch"),
    ("parameter-store", "ssm"),
    ("secrets-manager", "secretsmanager"),
    ("secrets", "secretsmanager"),
    ("sfn", "stepfunctions"),
    ("states", "stepfunctions"),
];

/// Operations that are asked for without a signature: what they are about is known by a token.
const UNSIGNED: &[(&str, &[&str])] = &[
    (
        "cognito-identity",
        &["GetCredentialsForIdentity", "GetId", "GetOpenIdToken", "UnlinkIdentity"],
    ),
    (
        "cognito-idp",
        &[
            "AssociateSoftwareToken",
            "ChangePassword",
            "CompleteWebAuthnRegistration",
            "ConfirmDevice",
            "ConfirmForgotPassword",
            "ConfirmSignUp",
            "DeleteUser",
            "DeleteUserAttributes",
            "DeleteWebAuthnCredential",
            "ForgetDevice",
            "ForgotPassword",
            "GetDevice",
            "GetTokensFromRefreshToken",
            "GetUser",
            "GetUserAttributeVerificationCode",
            "GetUserAuthFactors",
            "GlobalSignOut",
            "InitiateAuth",
            "ListDevices",
            "ListWebAuthnCredentials",
            "ResendConfirmationCode",
            "RespondToAuthChallenge",
            "RevokeToken",
            "SetUserMFAPreference",
            "SetUserSettings",
            "SignUp",
            "StartWebAuthnRegistration",
            "UpdateAuthEventFeedback",
            "UpdateDeviceStatus",
            "UpdateUserAttributes",
            "VerifySoftwareToken",
            "VerifyUserAttribute",
        ],
    ),
    ("sso", &["GetRoleCredentials", "ListAccountRoles", "ListAccounts", "Logout"]),
    ("sso-oidc", &["CreateToken", "RegisterClient", "StartDeviceAuthorization"]),
    ("sts", &["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"]),
];

/// How a service wants its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A JSON body, and the operation in a header.
    Json {
        /// `1.0` or `1.1`.
        version: &'static str,
        /// What stands before the operation in `X-Amz-Target`.
        target: &'static str,
    },
    /// A form, with lists and maps flattened into it; the answer is XML.
    Query {
        /// The version of the API.
        version: &'static str,
        /// Whether lists are flattened as EC2 does it.
        is_ec2: bool,
    },
    /// Method and path are those of the operation.
    Rest,
}

/// A service of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// As boto3 and the CLI name it, such as `dynamodb`.
    pub name: String,
    /// The first part of its host.
    pub prefix: String,
    /// The service of its signatures.
    pub signing_name: String,
    /// The end of the variable `AWS_ENDPOINT_URL_…`.
    pub id: String,
    /// Letters: `d` its host is always the dual-stack one; `g` it is in one region of a partition, `h`
    /// and that is not in its host; `D`, `G`, `H` the same for the partition `aws` only; `w` that region is
    /// us-west-2; `x` it is in one region, and its host says `global`; `a` its dual-stack host does; `s` it
    /// has no other host for dual stack (in the partition `aws`); `v` its paths begin with `/v2`.
    pub location: &'static str,
    /// How it wants its requests.
    pub protocol: Protocol,
    /// Whether the table has it.
    pub is_known: bool,
}

impl Service {
    /// Whether an operation is signed.
    #[must_use]
    pub fn signs(&self, operation: &str) -> bool {
        let unsigned = UNSIGNED.iter().find(|(name, _)| *name == self.name);
        !unsigned.is_some_and(|(_, operations)| operations.contains(&operation))
    }

    /// The parameter by which a service knows that an operation was sent twice, if the caller may leave it
    /// to us.
    #[must_use]
    pub fn token(&self, operation: &str) -> Option<&'static str> {
        TOKENS.lines().find_map(|line| {
            let (service, rest) = line.split_once(' ')?;
            let (token, operations) = rest.split_once(' ')?;
            let is_it = service == self.name && operations.split(' ').any(|it| it == operation);
            is_it.then_some(token)
        })
    }
}

/// The service of a name. One that the table does not have is taken for a REST service whose host and
/// signing name are its name.
#[must_use]
pub fn service(name: &str) -> Service {
    let name = ALSO.iter().find(|(other, _)| *other == name).map_or(name, |(_, name)| name);
    let line = TABLE
        .lines()
        .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    let mut columns = line.unwrap_or_default().split(' ').skip(1);
    let mut column = || columns.next().filter(|text| *text != "-");
    let prefix = column().unwrap_or(name);
    let signing_name = column().unwrap_or(prefix);
    let id = match column() {
        Some(id) => id.to_owned(),
        None => name.replace('-', "_").to_ascii_uppercase(),
    };
    let location = column().unwrap_or_default();
    let protocol = column().unwrap_or("r");
    let (kind, rest) = protocol.split_at(1);
    let protocol = match kind {
        "j" => Protocol::Json {
            version: if rest.starts_with('0') { "1.0" } else { "1.1" },
            target: &rest[1..],
        },
        "q" | "e" => Protocol::Query { version: rest, is_ec2: kind == "e" },
        _ => Protocol::Rest,
    };
    Service {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
        signing_name: signing_name.to_owned(),
        id,
        location,
        protocol,
        is_known: line.is_some(),
    }
}

/// The names of all services in the table.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter_map(|line| line.split(' ').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_all_their_names() {
        let sqs = service("sqs");
        assert_eq!(sqs.protocol, Protocol::Json { version: "1.0", target: "AmazonSQS" });
        assert_eq!(service("eventbridge").prefix, "events");
        assert_eq!(service("sesv2").signing_name, "ses");
        assert_eq!(service("secretsmanager").id, "SECRETS_MANAGER");
        let unknown = service("scheduler");
        assert_eq!((unknown.protocol, unknown.is_known), (Protocol::Rest, false));
        assert!(ALSO.iter().all(|(_, name)| service(name).is_known));
        assert!(names().count() > 250);
    }
}
