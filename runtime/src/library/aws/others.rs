//! The modules `kms`, `ses` and `bedrock`.

use rhai::plugin::*;
use rhai::{Array, Blob, Dynamic, ImmutableString, Map};

use super::exchange::refused;
use super::take::Take;
use super::{COMMON, call, invalid, request, text_in};
use crate::aws::sigv4::encoded;
use crate::effects::Failure;
use crate::json;
use crate::library::native::exported;
use crate::library::{Fallible, Part, grow};

pub(in crate::library) const KMS: Part = Part {
    words: &["kms"],
    register: |engine, vocabulary| exported!(kms).register_in("kms", engine, vocabulary),
};
pub(in crate::library) const SES: Part = Part {
    words: &["ses"],
    register: |engine, vocabulary| exported!(ses).register_in("ses", engine, vocabulary),
};
pub(in crate::library) const BEDROCK: Part = Part {
    words: &["bedrock"],
    register: |engine, vocabulary| exported!(bedrock).register_in("bedrock", engine, vocabulary),
};

/// Encryption by keys that never leave KMS.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod kms {
    type Text = ImmutableString;

    /// Encrypts up to 4 KB of text or a blob with a key, by its id, ARN or `alias/…`.
    ///
    /// ```rhai
    /// kms::encrypt("alias/shop", "secret").len; // => 2
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn encrypt(key: Text, plain: Dynamic) -> Fallible<Blob> {
        let plain = super::bytes_of(plain)?;
        let fields = [("KeyId", key.into()), ("Plaintext", plain)];
        super::blob_in("Encrypt", fields, "CiphertextBlob")
    }

    /// Decrypts what `kms::encrypt` gave.
    ///
    /// ```rhai
    /// kms::decrypt(kms::encrypt("alias/shop", "secret")).as_string(); // => "secret"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn decrypt(cipher: Blob) -> Fallible<Blob> {
        super::blob_in("Decrypt", [("CiphertextBlob", Dynamic::from_blob(cipher))], "Plaintext")
    }
}

/// E-mail by SES.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod ses {
    type Text = ImmutableString;

    /// Sends an e-mail, and gives its id: a map of `from`, `to` (an address or an array of them),
    /// `subject`, `text` or `html` or both, and, if wanted, `cc`, `bcc`, `reply_to` and `configuration`,
    /// the name of a configuration set.
    ///
    /// ```rhai
    /// ses::send(#{ from: "shop@example.com", to: "ann@example.com", subject: "Hello", text: "Hi Ann" }); // => "m-1"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn send(mail: Map) -> Fallible<Text> {
        super::send_mail(&mail)
    }
}

/// Models of Bedrock.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod bedrock {
    type Text = ImmutableString;

    /// Asks a model, by its id or the one of an inference profile, and gives the text of its answer.
    ///
    /// ```rhai
    /// bedrock::ask("amazon.nova-lite-v1:0", "Say hello"); // => "Hello!"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn ask(model: Text, question: Text) -> Fallible<Text> {
        let content: Array = vec![Dynamic::from_map([("text".into(), question.into())].into())];
        let message: Map =
            [("role".into(), "user".into()), ("content".into(), content.into())].into();
        let messages: Array = vec![message.into()];
        let answer = super::converse(&model, [("messages".into(), messages.into())].into())?;
        Ok(super::text_of(&answer))
    }

    /// Sends the body of a `Converse` request to a model: `messages`, `system`, `inferenceConfig`,
    /// `toolConfig` and so on, and gives its answer as a map. It takes the options of `aws::call`, too.
    ///
    /// ```rhai
    /// let body = #{
    ///     messages: [#{ role: "user", content: [#{ text: "Say hello" }] }],
    ///     inferenceConfig: #{ maxTokens: 100 },
    /// };
    /// bedrock::converse("amazon.nova-lite-v1:0", body).output.message.content[0].text; // => "Hello!"
    /// ```
    #[rhai_fn(volatile, return_raw)]
    pub fn converse(model: Text, body: Map) -> Fallible<Dynamic> {
        super::converse(&model, body)
    }
}

/// Bytes as KMS takes them: a blob, which goes as base64.
fn bytes_of(value: Dynamic) -> Fallible<Dynamic> {
    if value.is_blob() {
        return Ok(value);
    }
    let text = value
        .into_immutable_string()
        .map_err(|kind| invalid(format!("what is encrypted is text or a blob, not {kind}")))?;
    Ok(Dynamic::from_blob(text.as_bytes().to_vec()))
}

fn blob_in<const N: usize>(
    operation: &str,
    fields: [(&str, Dynamic); N],
    name: &str,
) -> Fallible<Blob> {
    use base64::Engine as _;
    let parameters: Map = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    let answer = call("kms", operation, &parameters, &Map::new())?;
    let bytes = text_in(&answer, name)
        .and_then(|text| base64::prelude::BASE64_STANDARD.decode(text.as_bytes()).ok());
    bytes.ok_or_else(|| {
        let message = format!("kms:{operation}: the answer has no `{name}`");
        refused(&Failure::new("Aws.InvalidResponse", message), "kms", operation)
    })
}

/// An address, or several, as an array.
fn addresses(value: Option<Dynamic>) -> Array {
    match value {
        None => Array::new(),
        Some(value) if value.is_array() => value.try_cast().unwrap_or_default(),
        Some(value) => vec![value],
    }
}

fn send_mail(mail: &Map) -> Fallible<ImmutableString> {
    const OPERATION: &str = "SendEmail";
    let refuse = |failure: Failure| refused(&failure, "sesv2", OPERATION);
    let known = ["from", "to", "cc", "bcc", "reply_to", "subject", "text", "html", "configuration"];
    let mut take = Take::of(mail, &known).map_err(refuse)?;
    let from = take.text("from").map_err(refuse)?;
    let from = from.ok_or_else(|| refuse(invalid("`from` is missing")))?;
    let mut destination = Map::new();
    for (option, field) in [("to", "ToAddresses"), ("cc", "CcAddresses"), ("bcc", "BccAddresses")] {
        let addresses = addresses(take.value(option));
        if !addresses.is_empty() {
            grow::put(&mut destination, field, addresses.into());
        }
    }
    if destination.is_empty() {
        return Err(refuse(invalid("`to` is missing")));
    }
    let said = |text: ImmutableString| -> Dynamic {
        let mut map = Map::new();
        grow::put(&mut map, "Data", text.into());
        grow::put(&mut map, "Charset", "UTF-8".into());
        map.into()
    };
    let mut body = Map::new();
    for (option, field) in [("text", "Text"), ("html", "Html")] {
        if let Some(text) = take.text(option).map_err(refuse)? {
            grow::put(&mut body, field, said(text));
        }
    }
    if body.is_empty() {
        return Err(refuse(invalid("`text` or `html` is missing")));
    }
    let subject = take.text("subject").map_err(refuse)?.unwrap_or_default();
    let mut simple = Map::new();
    grow::put(&mut simple, "Subject", said(subject));
    grow::put(&mut simple, "Body", body.into());
    let mut content = Map::new();
    grow::put(&mut content, "Simple", simple.into());
    let mut json = Map::new();
    grow::put(&mut json, "FromEmailAddress", from.into());
    grow::put(&mut json, "Destination", destination.into());
    grow::put(&mut json, "Content", content.into());
    let reply_to = addresses(take.value("reply_to"));
    if !reply_to.is_empty() {
        grow::put(&mut json, "ReplyToAddresses", reply_to.into());
    }
    if let Some(name) = take.text("configuration").map_err(refuse)? {
        grow::put(&mut json, "ConfigurationSetName", name.into());
    }
    let fields: [(&str, Dynamic); 5] = [
        ("service", "sesv2".into()),
        ("operation", OPERATION.into()),
        ("method", "POST".into()),
        ("path", "/v2/email/outbound-emails".into()),
        ("json", json.into()),
    ];
    let mut asked = take.rest();
    for (name, value) in fields {
        grow::put(&mut asked, name, value);
    }
    let answer = request(asked)?;
    let said = json::read(answer.0.bytes()).ok().and_then(Dynamic::try_cast::<Map>);
    let id = said.and_then(|mut said| said.remove("MessageId"));
    Ok(id.and_then(|id| id.into_immutable_string().ok()).unwrap_or_default())
}

fn converse(model: &str, mut body: Map) -> Fallible<Dynamic> {
    const OPERATION: &str = "Converse";
    let mut asked = Map::new();
    for name in COMMON {
        if let Some(value) = body.remove(name) {
            grow::put(&mut asked, name, value);
        }
    }
    let fields: [(&str, Dynamic); 6] = [
        ("service", "bedrock-runtime".into()),
        ("operation", OPERATION.into()),
        ("method", "POST".into()),
        ("path", format!("/model/{}/converse", encoded(model, false)).into()),
        ("resource", format!("foundation-model/{model}").into()),
        ("json", body.into()),
    ];
    for (name, value) in fields {
        grow::put(&mut asked, name, value);
    }
    let answer = request(asked)?;
    json::read(answer.0.bytes()).map_err(|error| {
        let message = format!("bedrock:{OPERATION}: the answer is not JSON: {error}");
        refused(&Failure::new("Aws.InvalidResponse", message), "bedrock-runtime", OPERATION)
    })
}

/// The text of a model's answer.
fn text_of(answer: &Dynamic) -> ImmutableString {
    let inner = |value: Dynamic, name: &str| -> Dynamic {
        value.try_cast::<Map>().and_then(|mut map| map.remove(name)).unwrap_or_default()
    };
    let content = inner(inner(inner(answer.clone(), "output"), "message"), "content");
    let mut text = String::new();
    for part in content.try_cast::<Array>().unwrap_or_default() {
        if let Ok(more) = inner(part, "text").into_immutable_string() {
            text.push_str(&more);
        }
    }
    text.into()
}
