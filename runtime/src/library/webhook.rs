//! The module `webhook`: whether a request was signed by the service that it says it is from.
//!
//! The body has to be as it came, before anything parses it. What is wrong with a request is
//! `false`; what is wrong with the script, such as a secret that is not there, is an error.

mod sns;
mod twilio;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::plugin::*;
use rhai::{Dynamic, Engine, INT, ImmutableString};
use ring::hmac::{HMAC_SHA256, Tag};

use super::Part;
use super::crypto::{Bytes, hmac_of, is_equal};
use super::keys::{self, Form, Hash, Kind, PublicKey, Scheme};
use super::native::exported;
use crate::bounds::Bounded;
use crate::effects::Failure;
use crate::vocabulary::Vocabulary;

pub(super) const PART: Part = Part { words: &["webhook"], register };

/// How far from now a request may have been signed, in seconds; what Stripe and Slack recommend.
const TOLERANCE_S: INT = 300;

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("webhook", "Webhook.Invalid", engine, vocabulary);
}

/// A secret and the body that it signs.
struct Signer {
    secret: Bytes,
    body: Bytes,
}

impl Signer {
    fn new(function: &str, secret: Dynamic, body: Dynamic) -> Bounded<Self> {
        let secret = Bytes::of(function, "secret", secret)?;
        // Anybody could sign with it.
        if secret.as_ref().is_empty() {
            return Err(format!(
                "{function}: `secret` is empty; it is the signing secret that the service shows"
            )
            .into());
        }
        Ok(Self { secret, body: Bytes::of(function, "body", body)? })
    }

    /// Signs the body with something before it.
    fn sign(&self, before: &[&[u8]]) -> Tag {
        let parts: Vec<&[u8]> = before.iter().copied().chain([self.body.as_ref()]).collect();
        hmac_of(HMAC_SHA256, self.secret.as_ref(), &parts)
    }

    /// Whether this hex is our signature.
    fn has_signed(&self, before: &[&[u8]], hex: &str) -> bool {
        from_hex(hex, 32).is_some_and(|signature| is_equal(&signature, self.sign(before).as_ref()))
    }
}

/// What is said of a secret that is not there: anybody could sign with it.
fn no_secret(function: &str, parameter: &str) -> Box<EvalAltResult> {
    let message = format!(
        "{function}: `{parameter}` is empty; it is the signing secret that the service shows"
    );
    Failure::new("Webhook.InvalidArgument", message).into()
}

/// What is said of a public key that is none.
fn invalid_key(function: &str, why: &str) -> Box<EvalAltResult> {
    let message = format!("{function}: `public_key` {why}");
    Failure::new("Crypto.KeyInvalid", message).into()
}

/// The bytes that hex of this length says.
fn from_hex(hex: &str, bytes: usize) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    // Nothing longer is decoded than what is wanted.
    (hex.len() == 2 * bytes).then_some(())?;
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// A header's text; of one that is not there, or is something else, none.
fn text(header: Dynamic) -> rhai::ImmutableString {
    header.flatten().try_cast().unwrap_or_default()
}

fn is_recent(timestamp: &str, now_s: INT, tolerance_s: INT) -> bool {
    let tolerance_s = u64::try_from(tolerance_s).ok();
    timestamp
        .parse::<INT>()
        .ok()
        .zip(tolerance_s)
        .is_some_and(|(timestamp, tolerance_s)| timestamp.abs_diff(now_s) <= tolerance_s)
}

/// Whether a request was signed by the service that it says it is from. The body has to be as it came,
/// before anything parses it.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// Whether GitHub signed the body: `header` is `X-Hub-Signature-256`.
    /// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
    ///
    /// ```rhai
    /// let header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    /// webhook::github("It's a Secret to Everybody", "Hello, World!", header); // => true
    /// webhook::github("It's a Secret to Everybody", "Hello, World?", header); // => false
    /// webhook::github("It's a Secret to Everybody", "Hello, World!", ()); // => false
    /// ```
    #[rhai_fn(return_raw)]
    pub fn github(secret: Dynamic, body: Dynamic, header: Dynamic) -> Bounded<bool> {
        let signer = Signer::new("webhook::github", secret, body)?;
        let header = text(header);
        Ok(header
            .strip_prefix("sha256=")
            .is_some_and(|signature| signer.has_signed(&[], signature)))
    }

    /// Whether Shopify signed the body: `header` is `X-Shopify-Hmac-Sha256`.
    /// <https://shopify.dev/docs/apps/build/webhooks/subscribe/https>
    ///
    /// ```rhai
    /// let header = "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I=";
    /// webhook::shopify("hush", `{"id":820982911946154508}`, header); // => true
    /// webhook::shopify("hush", `{"id":820982911946154509}`, header); // => false
    /// ```
    #[rhai_fn(return_raw)]
    pub fn shopify(secret: Dynamic, body: Dynamic, header: Dynamic) -> Bounded<bool> {
        let signer = Signer::new("webhook::shopify", secret, body)?;
        let header = text(header);
        // Nothing longer is decoded than a signature.
        let signature = (header.len() == 44).then(|| BASE64_STANDARD.decode(header.as_bytes()));
        Ok(signature
            .and_then(Result::ok)
            .is_some_and(|signature| is_equal(&signature, signer.sign(&[]).as_ref())))
    }

    /// Whether Stripe signed the body at most `tolerance_s` seconds from `now_s`, the seconds
    /// since 1970: `header` is `Stripe-Signature`. <https://docs.stripe.com/webhooks/signature>
    ///
    /// ```rhai
    /// let header = "t=1492774577,v1=799c4ba7bb339f3c8601adfd112f0e477c930a268be1243d341abb8286501c2f";
    /// webhook::stripe("whsec_test_secret", `{"id":"evt_1"}`, header, 1492774600, 10); // => false
    /// ```
    #[rhai_fn(return_raw)]
    pub fn stripe(
        secret: Dynamic,
        body: Dynamic,
        header: Dynamic,
        now_s: INT,
        tolerance_s: INT,
    ) -> Bounded<bool> {
        let signer = Signer::new("webhook::stripe", secret, body)?;
        let header = text(header);
        let fields = || header.split(',').filter_map(|field| field.split_once('='));
        let timestamp = fields().find(|(name, _)| *name == "t").map_or("", |(_, value)| value);
        // While a secret is being replaced there is a signature of each.
        Ok(is_recent(timestamp, now_s, tolerance_s)
            && fields().any(|(name, signature)| {
                name == "v1" && signer.has_signed(&[timestamp.as_bytes(), b"."], signature)
            }))
    }

    /// The same with a tolerance of 300 seconds, as Stripe recommends.
    ///
    /// ```rhai
    /// let header = "t=1492774577,v1=799c4ba7bb339f3c8601adfd112f0e477c930a268be1243d341abb8286501c2f";
    /// webhook::stripe("whsec_test_secret", `{"id":"evt_1"}`, header, 1492774600); // => true
    /// ```
    #[rhai_fn(name = "stripe", return_raw)]
    pub fn stripe_now(
        secret: Dynamic,
        body: Dynamic,
        header: Dynamic,
        now_s: INT,
    ) -> Bounded<bool> {
        stripe(secret, body, header, now_s, TOLERANCE_S)
    }

    /// Whether Slack signed the body at most `tolerance_s` seconds from `now_s`, the seconds
    /// since 1970: `timestamp` is `X-Slack-Request-Timestamp` and `signature` is
    /// `X-Slack-Signature`. <https://api.slack.com/authentication/verifying-requests-from-slack>
    ///
    /// ```rhai
    /// let signature = "v0=bc1d9c1f4b06d9cba3b2b46b253632bc30be58c433dea0d59aff98a51740c2e2";
    /// webhook::slack("8f742231b10e8888", "text=hi", "1531420618", signature, 1531421000, 60); // => false
    /// webhook::slack("8f742231b10e8888", "text=hi", "1531420618", signature, 1531421000, 600); // => true
    /// ```
    #[rhai_fn(return_raw)]
    pub fn slack(
        secret: Dynamic,
        body: Dynamic,
        timestamp: Dynamic,
        signature: Dynamic,
        now_s: INT,
        tolerance_s: INT,
    ) -> Bounded<bool> {
        let signer = Signer::new("webhook::slack", secret, body)?;
        let (timestamp, signature) = (text(timestamp), text(signature));
        Ok(is_recent(&timestamp, now_s, tolerance_s)
            && signature.strip_prefix("v0=").is_some_and(|signature| {
                signer.has_signed(&[b"v0:", timestamp.as_bytes(), b":"], signature)
            }))
    }

    /// The same with a tolerance of 300 seconds, as Slack recommends.
    ///
    /// ```rhai
    /// let signature = "v0=bc1d9c1f4b06d9cba3b2b46b253632bc30be58c433dea0d59aff98a51740c2e2";
    /// webhook::slack("8f742231b10e8888", "text=hi", "1531420618", signature, 1531420700); // => true
    /// webhook::slack("8f742231b10e8888", "text=hi", "1531420618", signature, 1531421000); // => false
    /// ```
    #[rhai_fn(name = "slack", return_raw)]
    pub fn slack_now(
        secret: Dynamic,
        body: Dynamic,
        timestamp: Dynamic,
        signature: Dynamic,
        now_s: INT,
    ) -> Bounded<bool> {
        slack(secret, body, timestamp, signature, now_s, TOLERANCE_S)
    }

    /// Whether Discord signed an interaction: `public_key` is the application's, in hex, `timestamp`
    /// is `X-Signature-Timestamp` and `signature` is `X-Signature-Ed25519`.
    /// <https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint>
    ///
    /// ```rhai
    /// let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    /// let signature = "1695961a47c91a1ec033b819b7e87e3dbc583dd0cee6d1fd0216f58ac87b6228ae531ddbf91fb7bc28d7edf7f08604da16f54624f38a6bc0614e4dc13cd47f0f";
    /// webhook::discord(key, `{"type":1}`, "1700000000", signature); // => true
    /// webhook::discord(key, `{"type":2}`, "1700000000", signature); // => false
    /// ```
    #[rhai_fn(return_raw)]
    pub fn discord(
        public_key: Dynamic,
        body: Dynamic,
        timestamp: Dynamic,
        signature: Dynamic,
    ) -> Bounded<bool> {
        const FUNCTION: &str = "webhook::discord";
        let key = from_hex(&text(public_key), 32).ok_or_else(|| {
            invalid_key(FUNCTION, "has to be 64 digits of hex, as Discord shows it")
        })?;
        let body = Bytes::of(FUNCTION, "body", body)?;
        let Some(signature) = from_hex(&text(signature), 64) else { return Ok(false) };
        let message = [text(timestamp).as_bytes(), body.as_ref()].concat();
        Ok(PublicKey::Ed25519(key).has_signed(Scheme::Ed25519, &message, &signature) == Some(true))
    }

    /// Whether SendGrid signed the events it posts: `public_key` is the verification key that it shows,
    /// base64 or PEM, `timestamp` is `X-Twilio-Email-Event-Webhook-Timestamp` and `signature` is
    /// `X-Twilio-Email-Event-Webhook-Signature`.
    /// <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>
    ///
    /// ```rhai
    /// let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErsgN622RC/eD3DBdZo8Ui6AvfzVKQiTH15Yv9oe8EVis52I4mWjQ40yqOgIwKE4d/b5DD3TEk/1H+7O8xn/FLw==";
    /// let signature = "MEQCIA2DESV+3y9dVECj90qQ5rEpa5YdnhiqExVFU4IwDyYXAiBf62Pc0GhMyRNCJRLvD/c7Xp5/j2g9aDjwDbs+bZ2MeQ==";
    /// webhook::sendgrid(key, `[{"event":"open"}]`, "1700000000", signature); // => true
    /// webhook::sendgrid(key, `[{"event":"open"}]`, "1700000001", signature); // => false
    /// ```
    #[rhai_fn(return_raw)]
    pub fn sendgrid(
        public_key: Dynamic,
        body: Dynamic,
        timestamp: Dynamic,
        signature: Dynamic,
    ) -> Bounded<bool> {
        const FUNCTION: &str = "webhook::sendgrid";
        let key = text(public_key);
        let der = match keys::pem(key.as_bytes()) {
            Some((_, der)) => Some(der),
            None => BASE64_STANDARD.decode(key.trim().as_bytes()).ok(),
        };
        let key = der.and_then(|der| PublicKey::from_der(&der).ok());
        let key = key.filter(|key| key.kind() == Kind::P256).ok_or_else(|| {
            invalid_key(
                FUNCTION,
                "has to be the base64 or PEM of a P-256 key, as SendGrid shows it",
            )
        })?;
        let body = Bytes::of(FUNCTION, "body", body)?;
        let signature = text(signature);
        // Nothing longer is decoded than a signature.
        let signature =
            (signature.len() <= 96).then(|| BASE64_STANDARD.decode(signature.as_bytes()));
        let Some(Ok(signature)) = signature else { return Ok(false) };
        let message = [text(timestamp).as_bytes(), body.as_ref()].concat();
        let scheme = Scheme::Ecdsa(Hash::Sha256, Form::Der);
        Ok(key.has_signed(scheme, &message, &signature) == Some(true))
    }

    /// Whether Twilio signed a request: `auth_token` is that of the account, `url` is the whole URL that
    /// Twilio called, with its query, `body` is the body as it came, or a map of the form's fields, and
    /// `signature` is `X-Twilio-Signature`. <https://www.twilio.com/docs/usage/security>
    ///
    /// ```rhai
    /// let url = "https://example.com/myapp.php?foo=1&bar=2";
    /// let form = #{ CallSid: "CA1234567890ABCDE", Caller: "+14158675310", Digits: "1234",
    ///     From: "+14158675310", To: "+18005551212" };
    /// webhook::twilio("12345", url, form, "L/OH5YylLD5NRKLltdqwSvS0BnU="); // => true
    /// webhook::twilio("12345", url, "CallSid=other", "L/OH5YylLD5NRKLltdqwSvS0BnU="); // => false
    /// ```
    #[rhai_fn(return_raw)]
    pub fn twilio(
        auth_token: Dynamic,
        url: ImmutableString,
        body: Dynamic,
        signature: Dynamic,
    ) -> Bounded<bool> {
        twilio::is_signed(auth_token, &url, body, &text(signature))
    }

    /// Whether SNS signed a message of this topic, whose ARN it is, or of one of an array of them: the
    /// body of a request that SNS makes to a URL, or a map, such as `Sns` of a record. The certificate
    /// is fetched from where the message says, which has to be SNS itself, and kept for a day;
    /// a declaration has to allow it (`//! allow: http sns.eu-west-1.amazonaws.com`). Messages of both
    /// signature versions are known; those that are delivered raw are not signed.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
    ///
    /// ```rhai
    /// let topic = "arn:aws:sns:eu-west-1:123456789012:orders";
    /// webhook::sns(topic, `{"Type":"Notification","TopicArn":"${topic}","Message":"unsigned"}`); // => false
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn sns(topic: Dynamic, body: Dynamic) -> Bounded<bool> {
        sns::is_signed(topic, body)
    }
}

#[cfg(test)]
mod tests {
    use super::functions::*;
    use super::*;

    const HELLO: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn githubs_own_example_is_signed_and_its_body_may_be_a_blob() {
        let secret = || "It's a Secret to Everybody".into();
        let body = || Dynamic::from_blob(b"Hello, World!".to_vec());
        assert!(github(secret(), body(), HELLO.into()).unwrap());
        assert!(
            github(secret(), body(), HELLO.to_uppercase().replace("SHA", "sha").into()).unwrap()
        );
        let changed = HELLO.replace("17", "18");
        let long = format!("{HELLO}00");
        for header in
            ["", "sha256=", "sha256=7571", "sha1=757107", &HELLO[7..], &changed, &long, "sha256=é"]
        {
            assert!(!github(secret(), body(), header.into()).unwrap(), "{header}");
        }
        let not_hex = HELLO.replace("757107ea", "+57107ea");
        for header in
            [not_hex.into(), Dynamic::UNIT, Dynamic::from_int(7), Dynamic::from_array(vec![])]
        {
            assert!(!github(secret(), body(), header).unwrap());
        }
    }

    /// The request that Slack's documentation signs.
    #[test]
    fn slacks_own_example_is_signed() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow\
            &channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner\
            &command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands\
            %2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
            &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let signed = |timestamp: &str, now_s| {
            slack(
                "8f742231b10e8888abcd99yyyzzz85a5".into(),
                body.into(),
                timestamp.into(),
                signature.into(),
                now_s,
                TOLERANCE_S,
            )
            .unwrap()
        };
        assert!(signed("1531420618", 1_531_420_618));
        assert!(signed("1531420618", 1_531_420_618 + 300));
        assert!(signed("1531420618", 1_531_420_618 - 300));
        assert!(!signed("1531420618", 1_531_420_618 + 301));
        assert!(!signed("1531420618", 1_531_420_618 - 301));
        assert!(!signed("1531420619", 1_531_420_618));
        for timestamp in ["", "now", "1531420618.0", "99999999999999999999", "-9223372036854775808"]
        {
            assert!(!signed(timestamp, INT::MAX), "{timestamp}");
        }
    }

    #[test]
    fn one_of_stripes_signatures_is_enough_but_only_of_the_scheme_v1() {
        let good = "799c4ba7bb339f3c8601adfd112f0e477c930a268be1243d341abb8286501c2f";
        let bad = "0".repeat(64);
        let signed = |header: &str| {
            stripe(
                "whsec_test_secret".into(),
                r#"{"id":"evt_1"}"#.into(),
                header.into(),
                1_492_774_577,
                TOLERANCE_S,
            )
            .unwrap()
        };
        assert!(signed(&format!("t=1492774577,v1={bad},v1={good},v0={bad}")));
        for header in [
            format!("t=1492774577,v0={good}"),
            format!("t=1492774578,v1={good}"),
            format!("v1={good}"),
            format!("t=,v1={good}"),
            format!("t=1492774577,v1={bad}"),
            "t=1492774577".to_owned(),
            ",=,==,t,v1".to_owned(),
        ] {
            assert!(!signed(&header), "{header}");
        }
    }

    #[test]
    fn a_tolerance_below_zero_lets_nothing_through() {
        assert!(!is_recent("5", 5, -1));
        assert!(is_recent("5", 5, 0));
    }

    #[test]
    fn a_secret_that_is_missing_is_an_error_and_not_a_false() {
        let error = github(Dynamic::UNIT, "x".into(), HELLO.into()).unwrap_err().to_string();
        assert!(error.contains("webhook::github: `secret` has to be text or a blob"), "{error}");
        let error = shopify("".into(), "x".into(), HELLO.into()).unwrap_err().to_string();
        assert!(error.contains("webhook::shopify: `secret` is empty"), "{error}");
    }

    #[test]
    fn a_shopify_header_that_is_no_signature_is_false() {
        for header in ["", "====", "not base64 at all, yet forty-four bytes long"] {
            assert!(!shopify("hush".into(), "{}".into(), header.into()).unwrap(), "{header}");
        }
    }
}
