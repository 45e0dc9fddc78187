use super::*;

#[test]
fn the_environment_replaces_values() {
    let text = format!("{LEAST}[[users]]\nname = \"1000\"\npassword = \"correct-horse-battery\"\n");
    let pairs = [
        ("SIDESTREAM__SIP__REALM", "example"),
        ("SIDESTREAM__MEDIA__FIRST_PORT", "30000"),
        ("SIDESTREAM__MEDIA__LAST_PORT", "30999"),
        ("SIDESTREAM__SIP__LISTEN", r#"["udp:127.0.0.1:0"]"#),
        ("SIDESTREAM__USERS__0__PASSWORD", "123412341234"),
        ("SIDESTREAM_URL", "ignored"),
    ];
    let config = read(&text, &pairs).unwrap_or_else(|error| panic!("{}", report(&error)));
    assert_eq!(config.switch.realm, "example");
    assert_eq!(config.switch.ports, 30_000..=30_999);
    assert_eq!(config.listen.len(), 1);
    for (digest, is_right) in [
        (r#"["md5", "SHA-256"]"#, true),
        (r#"["md5"]"#, true),
        ("[]", false),
        (r#"["sha-1"]"#, false),
        (r#"["md5", "md5"]"#, false),
    ] {
        assert_eq!(
            read(LEAST, &[("SIDESTREAM__SIP__DIGEST", digest)]).is_ok(),
            is_right,
            "{digest}"
        );
    }
    for (name, value, expected) in [
        ("SIDESTREAM__SIP__LISEN", "[]", "unknown field `lisen`"),
        ("SIDESTREAM__MEDIA__FIRST_PORT", "high", "invalid type: string \"high\", expected u16"),
        ("SIDESTREAM__USERS__3__NAME", "x", "the list has no item 3"),
        ("SIDESTREAM__SIP__REALM__X", "x", "expected a string"),
    ] {
        let error = read(&text, &[(name, value)]).expect_err("it cannot be laid over");
        let message = error.problems()[0].to_string();
        assert!(message.starts_with(&format!("the environment variable {name}: ")), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn secrets_come_from_files_and_variables() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("key"), "f3b0c1d2e3f4a5b6c7d8e9f0\n").unwrap();
    let with = |secret: &str| format!("[[http.tokens]]\nid = \"console\"\nsecret = \"{secret}\"\n");
    let read = |secret: &str| {
        parse("t", &with(secret), directory.path(), environment(&[("HALF", "f3b0c1d2e3f4")]))
    };
    for secret in ["${file:key}", "${env:HALF}a5b6c7d8e9f0"] {
        let config = read(secret).unwrap_or_else(|error| panic!("{}", report(&error)));
        assert_eq!(config.http.tokens[0].secret.reveal(), "f3b0c1d2e3f4a5b6c7d8e9f0");
    }
    for (secret, expected) in [
        ("${env:MISSING}", "http.tokens[0].secret: the environment variable MISSING is not set"),
        ("${env:HALF", "http.tokens[0].secret: `${` is not closed by `}`"),
        (
            "${vault:x}",
            "http.tokens[0].secret: `${vault:x}` is neither ${env:NAME} nor ${file:PATH}",
        ),
    ] {
        assert_eq!(
            read(secret).expect_err("it cannot be filled in").problems()[0].to_string(),
            expected
        );
    }
    let missing = read("${file:missing}").expect_err("the file is not there");
    assert!(missing.problems()[0].to_string().contains("missing cannot be read: "));
}
