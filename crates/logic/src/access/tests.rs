use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn application() -> AccessApplication {
    AccessApplication::new(Some("team.cloudflareaccess.com"), Some("tag")).unwrap().unwrap()
}

fn token(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    format!("{}.{}.{}", part(header), part(claims), Base64UrlUnpadded::encode_string(b"signature"))
}

fn claims() -> Value {
    json!({"iss": "https://team.cloudflareaccess.com", "aud": ["tag"], "email": "ada@example.com", "type": "app",
        "exp": 1_800_000_060, "nbf": 1_799_999_990, "iat": 1_799_999_990, "sub": "7335d417"})
}

fn identity(change: impl FnOnce(&mut Value)) -> Result<String, AccessError> {
    let mut claims = claims();
    change(&mut claims);
    Assertion::parse(&token(&json!({"alg": "RS256", "kid": "k1"}), &claims))?.identity(&application(), NOW)
}

#[test]
fn an_assertion_names_a_person_or_a_service_token() {
    assert_eq!(identity(|_| {}).unwrap(), "ada@example.com");
    let service = identity(|claims| {
        claims["email"] = "".into();
        claims["common_name"] = "ci.access".into();
    });
    assert_eq!(service.unwrap(), "ci.access");
    assert_eq!(identity(|claims| claims["email"] = Value::Null), Err(AccessError::Nobody));
}

#[test]
fn the_signed_part_the_signature_and_the_key_are_those_of_the_token() {
    let token = token(&json!({"alg": "RS256", "kid": "k1"}), &claims());
    let assertion = Assertion::parse(&token).unwrap();
    assert_eq!((assertion.key_id(), assertion.signature()), ("k1", &b"signature"[..]));
    assert_eq!(assertion.signed(), token.rsplit_once('.').unwrap().0.as_bytes());
}

#[test]
fn audience_and_issuer_are_compared_whole() {
    for aud in [json!("tag"), json!(["other", "tag"])] {
        assert!(identity(|claims| claims["aud"] = aud).is_ok());
    }
    for aud in [json!("ta"), json!("TAG"), json!([]), json!(["tag2"]), json!(7), json!([["tag"]]), json!("")] {
        assert_eq!(identity(|claims| claims["aud"] = aud.clone()), Err(AccessError::Audience), "{aud}");
    }
    for iss in ["https://other.cloudflareaccess.com", "team.cloudflareaccess.com", "https://team.cloudflareaccess.com/"]
    {
        assert_eq!(identity(|claims| claims["iss"] = iss.into()), Err(AccessError::Issuer), "{iss}");
    }
}

#[test]
fn an_assertion_is_valid_from_its_start_to_its_end() {
    assert_eq!(identity(|claims| claims["exp"] = json!(1_800_000_000)), Err(AccessError::Expired));
    assert!(identity(|claims| claims["exp"] = json!(1_800_000_000.5)).is_ok());
    assert_eq!(identity(|claims| claims["nbf"] = json!(1_800_000_031)), Err(AccessError::NotYet));
    assert!(identity(|claims| claims["nbf"] = json!(1_800_000_030)).is_ok(), "clocks differ");
    assert!(identity(|claims| claims["nbf"] = Value::Null).is_ok(), "it is optional");
}

#[test]
fn what_is_no_rs256_token_is_refused() {
    for alg in ["none", "HS256", "rs256", "RS512", ""] {
        let token = token(&json!({"alg": alg, "kid": "k1"}), &claims());
        assert_eq!(Assertion::parse(&token), Err(AccessError::Algorithm), "{alg}");
    }
    let good = token(&json!({"alg": "RS256", "kid": "k1"}), &claims());
    let without_exp = token(&json!({"alg": "RS256", "kid": "k1"}), &json!({"iss": "", "aud": []}));
    let without_key = token(&json!({"alg": "RS256"}), &claims());
    for bad in ["", "a", "a.b", "..", &good.replace('.', ".."), &format!("{good}=")[..], &without_exp, &without_key] {
        assert!(matches!(Assertion::parse(bad), Err(AccessError::Malformed(_))), "{bad}");
    }
    assert_eq!(Assertion::parse(&"a".repeat(MAX_BYTES + 1)), Err(AccessError::Malformed("it is too long")));
}

#[test]
fn the_variables_name_a_team_and_an_application_or_nothing() {
    assert_eq!(AccessApplication::new(None, None), Ok(None));
    for domain in
        ["team.cloudflareaccess.com", "https://team.cloudflareaccess.com", "https://Team.cloudflareaccess.com/"]
    {
        let found = AccessApplication::new(Some(domain), Some("tag")).unwrap().unwrap();
        assert_eq!(found, application(), "{domain}");
        assert_eq!(found.keys_url(), "https://team.cloudflareaccess.com/cdn-cgi/access/certs");
    }
    for domain in ["", "team", "http://team.example", "https://team.example/x", "user@team.example", "a..b", "a.b:443"]
    {
        let error = AccessApplication::new(Some(domain), Some("tag")).unwrap_err();
        assert!(error.starts_with("ACCESS_TEAM_DOMAIN"), "{domain}: {error}");
    }
    assert!(AccessApplication::new(Some("team.example"), None).unwrap_err().starts_with("ACCESS_AUD"));
    assert!(AccessApplication::new(None, Some("tag")).unwrap_err().starts_with("ACCESS_TEAM_DOMAIN"));
}

#[test]
fn keys_are_read_once_an_hour_and_for_unknown_ids_once_a_minute() {
    let keys =
        parse_keys(r#"{"keys":[{"kid":"k1","kty":"RSA","alg":"RS256","use":"sig","e":"AQAB","n":"x"},{"kty":"EC"}]}"#);
    let mut cache = KeyCache::default();
    assert!(cache.needs_refresh("k1", NOW) && cache.find("k1", NOW).is_none());
    cache.replace(keys.unwrap(), NOW);
    let after = |minutes| NOW.after(core::time::Duration::from_mins(minutes));
    assert_eq!(cache.find("k1", after(0)).map(|key| key.n.as_str()), Some("x"));
    assert!(!cache.needs_refresh("k1", after(59)) && cache.needs_refresh("k1", after(60)));
    assert!(!cache.needs_refresh("k2", after(0)) && cache.needs_refresh("k2", after(1)));
    assert!(cache.find("k1", after(24 * 60 - 1)).is_some() && cache.find("k1", after(24 * 60)).is_none());
    for text in ["", "[]", "{}", r#"{"keys":{}}"#] {
        assert!(parse_keys(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_parsing_panic(token in ".{0,64}", part in "[A-Za-z0-9_-]{0,40}") {
        let _ = Assertion::parse(&token);
        let _ = Assertion::parse(&format!("{part}.{part}.{part}"));
    }

    #[test]
    fn any_identity_survives_a_header(identity in ".{1,40}") {
        let header = identity_to_header(&identity);
        prop_assert!(header.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert_eq!(identity_from_header(&header), Some(identity));
    }
}
