//! Against the examples of the RFCs and against another library.

use super::functions::{sign, verify};
use super::*;

#[path = "test_keys.rs"]
mod test_keys;
use test_keys::*;

/// RFC 7515, A.1.1.
const HS256_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const HS256_JWK: &str = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
/// RFC 7515, A.2.1.
const RS256_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
/// RFC 7515, A.3.1.
const ES256_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const ES256_JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
/// The header of RFC 7515, A.4, whose algorithm is not one of ours.
const ES512_TOKEN: &str = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AAAA";
/// RFC 8037, A.4: what is signed is no JSON.
const EDDSA_SIGNED: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const EDDSA_SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const EDDSA_JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn json(text: &str) -> Dynamic {
    json::read(text.as_bytes()).unwrap()
}

fn verified(token: &str, key: impl Into<Dynamic>, options: &str) -> Result<Map, (String, String)> {
    verify(token.into(), key.into(), json(options).cast()).map_err(|error| match *error {
        EvalAltResult::ErrorRuntime(thrown, _) => match thrown.try_cast_result::<Map>() {
            Ok(mut map) => {
                let mut text = |name: &str| map.remove(name).unwrap().cast::<String>();
                (text("type"), text("message"))
            }
            Err(text) => (String::new(), text.to_string()),
        },
        other => panic!("{other}"),
    })
}

#[track_caller]
fn refused(token: &str, key: impl Into<Dynamic>, options: &str, kind: &str) -> String {
    let (thrown, message) = verified(token, key, options).unwrap_err();
    assert_eq!(thrown, kind, "{message}");
    message
}

#[track_caller]
fn signed(key: impl Into<Dynamic>, claims: &str, options: &str) -> String {
    sign(json(claims).cast(), key.into(), json(options).cast()).unwrap()
}

fn error(result: Bounded<String>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn the_tokens_of_rfc_7515_verify_until_they_expire_and_not_when_changed() {
    for (token, key) in [(HS256_TOKEN, HS256_JWK), (RS256_TOKEN, RSA_JWK), (ES256_TOKEN, ES256_JWK)]
    {
        let claims = verified(token, json(key), r#"{"now_s":1300819379}"#).unwrap();
        assert_eq!(claims["iss"].clone().cast::<String>(), "joe");
        refused(token, json(key), r#"{"now_s":1300819380}"#, "Jwt.Expired");
        refused(token, json(key), "{}", "Jwt.Expired");
        verified(token, json(key), r#"{"now_s":1300819380,"leeway_s":1}"#).unwrap();
        let changed = token.replace(".eyJpc3MiOiJqb2Ui", ".eyJpc3MiOiJqb2Ei");
        refused(&changed, json(key), r#"{"now_s":1}"#, "Jwt.BadSignature");
        let (signed, _) = token.rsplit_once('.').unwrap();
        refused(&format!("{signed}."), json(key), r#"{"now_s":1}"#, "Jwt.BadSignature");
    }
    refused(ES512_TOKEN, json(ES256_JWK), "{}", "Jwt.AlgorithmNotAllowed");
}

#[test]
fn what_the_rfcs_sign_comes_out_the_same() {
    for (token, key, algorithm) in
        [(HS256_TOKEN, HS256_JWK, Algorithm::Hs256), (RS256_TOKEN, RSA_JWK, Algorithm::Rs256)]
    {
        let (message, signature) = token.rsplit_once('.').unwrap();
        let key = SigningKey::read(json(key)).ok().unwrap();
        let ours = key.sign(algorithm, message.as_bytes()).unwrap().unwrap();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(ours), signature);
    }
    for key in [json(EDDSA_JWK), ED25519_PKCS8.into()] {
        let key = SigningKey::read(key).ok().unwrap();
        let ours = key.sign(Algorithm::EdDsa, EDDSA_SIGNED.as_bytes()).unwrap().unwrap();
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(ours), EDDSA_SIGNATURE);
    }
    let token = format!("{EDDSA_SIGNED}.{EDDSA_SIGNATURE}");
    let message = refused(&token, json(EDDSA_JWK), "{}", "Jwt.Malformed");
    assert!(message.starts_with("the payload is not JSON"), "{message}");
}

#[test]
fn tokens_of_another_library_verify_by_keys_in_every_form() {
    let secret = |length| "s".repeat(length);
    let tokens: [(&str, Dynamic); 9] = [
        (PYJWT_HS256, secret(32).into()),
        (PYJWT_HS384, Dynamic::from_blob(secret(48).into_bytes())),
        (PYJWT_HS512, secret(64).into()),
        (PYJWT_RS256, RSA_PUBLIC.into()),
        (PYJWT_RS256, Dynamic::from_blob(RSA_PUBLIC_PKCS1.as_bytes().to_vec())),
        // As it comes out of an environment variable.
        (PYJWT_RS256, RSA_PUBLIC.replace('\n', "\\n").into()),
        (PYJWT_ES256, P256_PUBLIC.into()),
        (PYJWT_EDDSA, ED25519_PUBLIC.into()),
        (PYJWT_EDDSA, json(EDDSA_JWK)),
    ];
    for (token, key) in tokens {
        assert_eq!(
            verified(token, key, r#"{"now_s":1999}"#).unwrap()["sub"].clone().cast::<String>(),
            "ada"
        );
    }
}

#[test]
fn what_we_sign_verifies_by_the_public_half() {
    let keys: [(&str, Dynamic, Dynamic); 8] = [
        ("HS256", "secret".into(), "secret".into()),
        ("HS384", "secret".into(), "secret".into()),
        ("HS512", "secret".into(), "secret".into()),
        ("RS256", RSA_PKCS8.into(), RSA_PUBLIC.into()),
        ("RS256", RSA_PKCS1.into(), RSA_PUBLIC.into()),
        ("ES256", P256_PKCS8.into(), P256_PUBLIC.into()),
        ("ES256", json(ES256_JWK), P256_PUBLIC.into()),
        ("EdDSA", ED25519_PKCS8.into(), ED25519_PUBLIC.into()),
    ];
    for (alg, private, public) in keys {
        let token =
            signed(private, r#"{"n":18446744073709551615}"#, &format!(r#"{{"alg":"{alg}"}}"#));
        let claims = verified(&token, public, &format!(r#"{{"algs":["{alg}"]}}"#)).unwrap();
        let mut text = Vec::new();
        json::write(&claims.into(), &mut text).unwrap();
        assert_eq!(text, br#"{"n":18446744073709551615}"#, "{alg}");
    }
}

#[test]
fn the_kind_of_key_decides_and_not_the_token() {
    let unsigned = "eyJhbGciOiJub25lIn0.e30.";
    for key in [Dynamic::from("secret"), RSA_PUBLIC.into()] {
        refused(unsigned, key, "{}", "Jwt.AlgorithmNotAllowed");
    }
    // The public key, which everybody has, as the secret.
    let (algorithm, message) = (Algorithm::Hs256, "eyJhbGciOiJIUzI1NiJ9.e30");
    for public in [RSA_PUBLIC, RSA_PUBLIC_PKCS1, P256_PUBLIC, ED25519_PUBLIC] {
        let forged = SigningKey::Secret(public.into()).sign(algorithm, message.as_bytes());
        let forged = BASE64_URL_SAFE_NO_PAD.encode(forged.unwrap().unwrap());
        let token = format!("{message}.{forged}");
        for key in [public.to_owned(), format!("\u{feff}\n {public}")] {
            refused(&token, key, "{}", "Jwt.AlgorithmNotAllowed");
        }
    }
    refused(PYJWT_ES256, RSA_PUBLIC, r#"{"now_s":1}"#, "Jwt.AlgorithmNotAllowed");
    refused(PYJWT_RS256, "secret", r#"{"now_s":1}"#, "Jwt.AlgorithmNotAllowed");
    let message =
        refused(PYJWT_HS256, "secret", r#"{"algs":["HS512"]}"#, "Jwt.AlgorithmNotAllowed");
    assert_eq!(message, r#"the token's algorithm is "HS256", not HS512"#);
    refused(PYJWT_HS256, "secret", r#"{"algs":[]}"#, "Jwt.AlgorithmNotAllowed");
}

#[test]
fn a_key_of_a_set_is_chosen_by_its_kid() {
    let key = |jwk: &str, more: &str| format!("{{{more},{}", jwk.strip_prefix('{').unwrap());
    let set = format!(
        r#"{{"keys":[{},{},{},{{"kty":"new","kid":"d"}},7]}}"#,
        key(RSA_JWK, r#""kid":"a","use":"sig","alg":"RS256""#),
        key(ES256_JWK, r#""kid":"b""#),
        key(EDDSA_JWK, r#""kid":"c","use":"enc""#),
    );
    let token =
        |kid: &str| signed(P256_PKCS8, "{}", &format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#));
    verified(&token("b"), json(&set), "{}").unwrap();
    refused(&token("a"), json(&set), "{}", "Jwt.UnknownKey");
    refused(&token("c"), json(&set), "{}", "Jwt.UnknownKey");
    refused(&token("d"), json(&set), "{}", "Jwt.UnknownKey");
    let message = refused(&token("x"), json(&set), "{}", "Jwt.UnknownKey");
    assert_eq!(message, r#"no key of the set is for a token with the kid "x""#);
    verified(RS256_TOKEN, json(&set), r#"{"now_s":1}"#).unwrap();
    refused(&token("b"), json(r#"{"keys":[]}"#), "{}", "Jwt.UnknownKey");
    let rsa_only = format!(r#"{{"keys":[{}]}}"#, key(RSA_JWK, r#""kid":"b""#));
    refused(&token("b"), json(&rsa_only), "{}", "Jwt.AlgorithmNotAllowed");
    refused(&token("b"), json(r#"{"keys":1}"#), "{}", "");
}

#[test]
fn claims_are_compared_with_what_is_expected() {
    let token = |claims: &str| signed("k", claims, r#"{"alg":"HS256"}"#);
    let both = token(r#"{"iss":"me","aud":["a","b"],"nbf":100.5}"#);
    for options in [
        r#"{"now_s":101}"#,
        r#"{"now_s":100,"leeway_s":1}"#,
        r#"{"iss":"me"}"#,
        r#"{"iss":["you","me"],"aud":"b"}"#,
        r#"{"aud":["x","a"]}"#,
    ] {
        verified(&both, "k", options).unwrap();
    }
    for options in
        [r#"{"now_s":100}"#, r#"{"iss":"you"}"#, r#"{"aud":"c"}"#, r#"{"aud":[]}"#, r#"{"iss":""}"#]
    {
        refused(&both, "k", options, "Jwt.ClaimMismatch");
    }
    let message = refused(&token("{}"), "k", r#"{"iss":["me","you"]}"#, "Jwt.ClaimMismatch");
    assert_eq!(message, r#"the claim `iss` is not "me" or "you""#);
    refused(&token(r#"{"iss":["me"]}"#), "k", r#"{"iss":"me"}"#, "Jwt.ClaimMismatch");
    refused(&token(r#"{"exp":"soon"}"#), "k", "{}", "Jwt.Malformed");
    refused(&token(r#"{"exp":null}"#), "k", "{}", "Jwt.Malformed");
    refused(&token(r#"{"exp":-1e400}"#), "k", "{}", "Jwt.Expired");
    verified(&token(r#"{"exp":1e400}"#), "k", "{}").unwrap();
}

#[test]
fn what_is_no_token_is_malformed_and_nothing_panics() {
    for token in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "e30.e30.",
        "W10.e30.",
        "eyJhbGciOjF9.e30.",
        "eyJhbGciOiJIUzI1NiJ9.e30.=",
        "eyJhbGciOiJIUzI1NiJ9.e30.é",
        "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiYjY0Il19.e30.",
    ] {
        refused(token, "secret", "{}", "Jwt.Malformed");
    }
    for end in 0..PYJWT_RS256.len() {
        assert!(verified(&PYJWT_RS256[..end], RSA_PUBLIC, "{}").is_err());
    }
    for public in [RSA_PUBLIC, P256_PUBLIC, ED25519_PUBLIC] {
        let (_, der) = crate::library::keys::pem(public.as_bytes()).unwrap();
        for end in 0..der.len() {
            let pem = format!(
                "-----BEGIN PUBLIC KEY-----{}-----END",
                base64::prelude::BASE64_STANDARD.encode(&der[..end])
            );
            assert!(verified(PYJWT_RS256, pem, r#"{"now_s":1}"#).is_err());
        }
    }
}

#[test]
fn a_key_in_sec_1_signs_as_the_same_in_pkcs_8_does() {
    let token = signed(P256_SEC1, r#"{"sub":"ada"}"#, r#"{"alg":"ES256"}"#);
    assert!(verified(&token, P256_PUBLIC, "{}").is_ok());
}

#[test]
fn a_key_that_is_none_is_an_error_of_the_script_without_the_key() {
    for (key, says) in [
        (Dynamic::UNIT, "`key` has to be a secret or PEM, as text or a blob, or a JSON Web Key"),
        ("".into(), "`key` is empty"),
        (RSA_PKCS8.into(), "`key` is a private key; the public key verifies"),
        (
            P384_PUBLIC
                .replace("MHYwEAYHKoZIzj0CAQYFK4EEACID", "MHYwEAYHKoZIzj0CAQYFK4EEACMD")
                .into(),
            "`key` is a public key, but not of RSA, P-256, P-384 or Ed25519",
        ),
        (RSA_PUBLIC[..60].into(), "`key` is PEM, but its block is cut off"),
        (json(r#"{"kty":"RSA","n":"!","e":"AQAB"}"#), "whose `n` is not base64url"),
        (json(r#"{"kty":"EC","crv":"P-521"}"#), "kty \"EC\" and crv \"P-521\""),
        (json(r#"{"k":"c2VjcmV0"}"#), "without the text `kty`"),
        (json(r#"{"kty":"oct","k":""}"#), "whose `k` is empty"),
    ] {
        let message = refused(PYJWT_HS256, key, "{}", "");
        assert!(message.contains(says), "{message}");
    }
    let sign = |key: Dynamic, options: &str| error(sign(Map::new(), key, json(options).cast()));
    for (key, says) in [
        (RSA_PUBLIC.into(), "`key` is a public key; a private key signs"),
        (
            RSA_PKCS8.into(),
            "`key` is an RSA key, which is for RS256 to RS512 and PS256 to PS512, and not for ES256",
        ),
        ("hunter2".into(), "`key` is a secret, which is for HS256, HS384 and HS512, and not for"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END".into(), "not a private key that can sign"),
    ] {
        let message = sign(key, r#"{"alg":"ES256"}"#);
        assert!(message.contains(says) && !message.contains("hunter2"), "{message}");
    }
    for (options, says) in [
        ("{}", "jwt::sign: the option `alg` has to be HS256"),
        (r#"{"alg":"none"}"#, "the option `alg` has to be HS256"),
        (r#"{"alg":"HS256","algs":[]}"#, "no option \"algs\"; there are `alg`, `kid`, `typ`"),
        (r#"{"alg":"HS256","kid":1}"#, "the option `kid` has to be text"),
    ] {
        let message = sign("secret".into(), options);
        assert!(message.contains(says), "{message}");
    }
    for (options, says) in [
        (r#"{"audience":"x"}"#, "no option \"audience\""),
        (r#"{"algs":["none"]}"#, "the option `algs` has \"none\""),
        (r#"{"now_s":"1"}"#, "the option `now_s` has to be a whole number of seconds"),
        (r#"{"aud":[1]}"#, "the option `aud` has to be text or an array of texts"),
    ] {
        let message = refused(PYJWT_HS256, "secret", options, "");
        assert!(message.contains(says), "{message}");
    }
}
