//! Messages that SNS sends to a URL, signed by a certificate that it publishes:
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map};

use crate::bounds::{Bounded, room_for};
use crate::effects::{Failure, Url};
use crate::json;
use crate::library::crypto::Bytes;
use crate::library::jwt;
use crate::library::keys::{self, Hash, PublicKey, Scheme};

/// The longest signature in base64, which is by an RSA key of 4096 bits.
const LONGEST_SIGNATURE: usize = 700;

/// What is signed of a notification, and of what asks to subscribe or tells that somebody did not.
const OF_NOTIFICATION: [&str; 6] =
    ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const OF_CONFIRMATION: [&str; 7] =
    ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

/// Whether SNS signed a message of one of these topics.
pub(super) fn is_signed(topics: Dynamic, body: Dynamic) -> Bounded<bool> {
    let topics = texts(topics)?;
    let Some(message) = message(body)? else { return Ok(false) };
    let text =
        |name: &str| -> Option<ImmutableString> { message.get(name)?.clone().flatten().try_cast() };
    // Anybody who has an account can have SNS sign what they like, for a topic of their own.
    if !text("TopicArn").is_some_and(|arn| topics.contains(&arn)) {
        return Ok(false);
    }
    let kind = text("Type").unwrap_or_default();
    let signed: &[&str] = match kind.as_str() {
        "Notification" => &OF_NOTIFICATION,
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => &OF_CONFIRMATION,
        _ => return Ok(false),
    };
    let hash = match text("SignatureVersion").unwrap_or_default().as_str() {
        "1" => Hash::Sha1,
        "2" => Hash::Sha256,
        _ => return Ok(false),
    };
    // As it is written in the event of a function.
    let url = text("SigningCertURL").or_else(|| text("SigningCertUrl")).unwrap_or_default();
    let signature = text("Signature").filter(|text| text.len() <= LONGEST_SIGNATURE);
    let signature = signature.and_then(|text| BASE64_STANDARD.decode(text.as_bytes()).ok());
    let Some(signature) = signature.filter(|_| is_of_sns(&url)) else { return Ok(false) };
    let mut said = String::new();
    for name in signed {
        // A notification without a subject has none in what is signed.
        let Some(value) = text(name) else { continue };
        room_for(said.len() + value.len() + 64, 2)?;
        for part in [name, "\n", value.as_str(), "\n"] {
            said.push_str(part);
        }
    }
    let Some(certificate) = jwt::published_certificate(&url)? else { return Ok(false) };
    let key = keys::pem(certificate.as_bytes())
        .filter(|(label, _)| label == "CERTIFICATE")
        .ok_or_else(|| "is none".to_owned())
        .and_then(|(label, der)| PublicKey::from_pem(&label, &der))
        .map_err(|why| {
            let message = format!("webhook::sns: the certificate at {url} {why}");
            Box::<EvalAltResult>::from(Failure::new("Crypto.KeyInvalid", message))
        })?;
    Ok(key.has_signed(Scheme::Rsa(hash), said.as_bytes(), &signature) == Some(true))
}

/// The topics that messages may be of.
fn texts(topics: Dynamic) -> Bounded<Vec<ImmutableString>> {
    let topics = topics.flatten();
    let topics = topics.try_cast_result::<Array>().unwrap_or_else(|topic| vec![topic]);
    let arns: Option<Vec<ImmutableString>> =
        topics.into_iter().map(|topic| topic.flatten().try_cast()).collect();
    arns.filter(|arns| !arns.is_empty() && arns.iter().all(|arn| !arn.is_empty())).ok_or_else(
        || {
            let message =
                "webhook::sns: `topic` has to be the ARN of the topic, or an array of ARNs";
            Failure::new("Webhook.InvalidArgument", message).into()
        },
    )
}

/// The message, as it came or parsed already; none where it is no JSON object.
fn message(body: Dynamic) -> Bounded<Option<Map>> {
    let body = match body.flatten().try_cast_result::<Map>() {
        Ok(message) => return Ok(Some(message)),
        Err(body) => body,
    };
    // A request without a body was not signed.
    if body.is_unit() {
        return Ok(None);
    }
    let body = Bytes::of("webhook::sns", "body", body)?;
    room_for(body.as_ref().len(), 2)?;
    match json::read(body.as_ref()) {
        Ok(message) => Ok(message.try_cast()),
        Err(error) if error.is_out_of_memory => {
            let message = format!("webhook::sns: {error}");
            Err(Failure::new("Webhook.BodyTooLarge", message).into())
        }
        Err(_) => Ok(None),
    }
}

/// Whether a certificate there is one of SNS: whoever could name any URL could sign with any key.
fn is_of_sns(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let region = url.host.strip_prefix("sns.").and_then(|rest| {
        rest.strip_suffix(".amazonaws.com.cn").or(rest.strip_suffix(".amazonaws.com"))
    });
    let is_region = region.is_some_and(|region| {
        region.len() >= 3 && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    url.is_https
        && is_region
        && url.port == 443
        && url.user.is_none()
        && url.target.split(['?', '#']).next().is_some_and(|path| path.ends_with(".pem"))
}

#[cfg(test)]
mod tests {
    use super::is_of_sns;

    #[test]
    fn only_a_certificate_of_sns_itself_is_fetched() {
        for (url, is_it) in [
            ("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-ab.pem", true),
            ("https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-ab.pem", true),
            ("https://sns.us-gov-west-1.amazonaws.com:443/x.pem", true),
            ("http://sns.eu-west-1.amazonaws.com/x.pem", false),
            ("https://sns.eu-west-1.amazonaws.com:8443/x.pem", false),
            ("https://sns.eu-west-1.amazonaws.com.evil.org/x.pem", false),
            ("https://sns.evil.s3.amazonaws.com/x.pem", false),
            ("https://evil-sns.eu-west-1.amazonaws.com/x.pem", false),
            ("https://amazonaws.com/x.pem", false),
            ("https://sns..amazonaws.com/x.pem", false),
            ("https://bucket.s3.amazonaws.com/sns.eu-west-1.amazonaws.com/x.pem", false),
            ("https://me@sns.eu-west-1.amazonaws.com/x.pem", false),
            ("https://sns.eu-west-1.amazonaws.com@evil.org/x.pem", false),
            ("https://sns.eu-west-1.amazonaws.com/x.txt", false),
            ("https://sns.eu-west-1.amazonaws.com/x?y=.pem", false),
            ("", false),
        ] {
            assert_eq!(is_of_sns(url), is_it, "{url}");
        }
    }
}
