//! What a development server says of itself.

use std::fmt::Write;

use super::RuntimeFile;

/// The development server's first words: where it is, who may call, what to dial.
pub fn banner(file: &RuntimeFile, phones: &[String], console: &str) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<8} {value}");
    };
    line("SIP", &format!("sip:{} udp,tcp", file.sip));
    let phones = match phones {
        [] => "none".to_string(),
        [only] => only.clone(),
        [first, .., last] => format!("{first}…{last}"),
    };
    line("Phones", &format!("{phones}   password  {}   (random, this run only)", file.password));
    line(
        "Dial",
        "9196 echo · 9197 tone and digits · 9664 music · 9000 talking agent · 5000 flow demo",
    );
    line("Console", &format!("{console}   (works once; `sidestream console` makes another)"));
    line("API", &format!("{}/v1/calls?key={}", file.url, file.key));
    line("Docs", &format!("{url}/docs   metrics {url}/metrics", url = file.url));
    line("Sink", "built-in \"scope\" is listening");
    line("Try", "sidestream demo   ·   sidestream calls --watch   ·   sidestream call 9196");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_names_address_password_and_key() {
        let text = |text: &str| text.to_string();
        let file = RuntimeFile {
            pid: 1,
            sip: text("127.0.0.1:5060"),
            url: text("http://127.0.0.1:8080"),
            key: text("k3y"),
            password: text("k7w-q2m"),
        };
        let phones: Vec<String> = (1000..1010).map(|number| number.to_string()).collect();
        let banner = banner(&file, &phones, "http://127.0.0.1:8080/?key=0nce");
        for part in [
            "sip:127.0.0.1:5060 udp,tcp",
            "1000…1009   password  k7w-q2m",
            "Console  http://127.0.0.1:8080/?key=0nce ",
            "http://127.0.0.1:8080/v1/calls?key=k3y",
        ] {
            assert!(banner.contains(part), "{part} in\n{banner}");
        }
    }
}
