//! Session timers as tables.

use super::*;
use crate::time::Instant;

#[test]
fn session_expires_reads_and_prints() {
    for (value, read) in [
        ("1800", Some("1800")),
        (" 90 ; refresher = UAC", Some("90;refresher=uac")),
        ("90;x=y;refresher=uas", Some("90;refresher=uas")),
        ("90;refresher=proxy", Some("90")),
        ("99999999999", Some("4294967295")),
        ("soon", None),
        ("", None),
    ] {
        let parsed = SessionExpires::parse(value).map(|parsed| parsed.to_string());
        assert_eq!(parsed.as_deref(), read, "{value}");
    }
}

#[test]
fn a_session_timer_is_agreed_as_rfc_4028_section_9_says() {
    let settings = SessionTimerSettings { session_expires_s: 1800, min_se_s: 120 };
    let agreed = |interval: &str, duty: Duty, require: bool| {
        let mut headers = vec![("Session-Expires", interval.to_owned())];
        headers.extend(require.then(|| ("Require", "timer".to_owned())));
        Ok((headers, duty))
    };
    let too_small = Err(IntervalTooSmall { min_se_s: 120 });
    for (supported, expires, outcome) in [
        ("x", "", agreed("1800;refresher=uas", Duty::Refresh, false)),
        ("x", "600", agreed("600;refresher=uas", Duty::Refresh, false)),
        ("x", "60", agreed("120;refresher=uas", Duty::Refresh, false)),
        ("timer", "", agreed("1800;refresher=uac", Duty::Watch, true)),
        ("100rel, timer", "600", agreed("600;refresher=uac", Duty::Watch, true)),
        ("timer", "600;refresher=uac", agreed("600;refresher=uac", Duty::Watch, true)),
        ("timer", "600;refresher=uas", agreed("600;refresher=uas", Duty::Refresh, false)),
        ("timer", "119", too_small),
    ] {
        let mut headers = vec![format!("Supported: {supported}")];
        headers.extend((!expires.is_empty()).then(|| format!("Session-Expires: {expires}")));
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = settings.answer(&request("7 INVITE", &headers));
        let answer = answer.map(|agreement| (agreement.headers(), agreement.duty));
        assert_eq!(answer, outcome, "{supported} {expires}");
    }
    let compact = request("7 INVITE", &["k: timer", "x: 600"]);
    assert_eq!(settings.answer(&compact).map(|agreement| agreement.interval_s), Ok(600));
    let patient = request("7 INVITE", &["Supported: timer", "Min-SE: 3600"]);
    assert_eq!(settings.answer(&patient).map(|agreement| agreement.interval_s), Ok(3600));
}

#[test]
fn our_offer_grows_after_a_422_and_the_2xx_tells_our_duty() {
    let settings = SessionTimerSettings { session_expires_s: 600, min_se_s: 90 };
    let offer = |min_se, refresher| settings.offer(min_se, refresher).map(|(_, value)| value);
    assert_eq!(offer(None, None), ["600", "90"]);
    assert_eq!(offer(None, Some(Refresher::Uac)), ["600;refresher=uac", "90"]);
    let refused = response(422, &["Min-SE: 900"]);
    assert_eq!(offer(Some(SessionTimerSettings::min_se_of(&refused)), None), ["900", "900"]);
    for (value, interval_s, duty) in [
        ("", 600, Duty::Refresh),
        ("400;refresher=uac", 400, Duty::Refresh),
        ("400;refresher=uas", 400, Duty::Watch),
        ("400", 400, Duty::Refresh),
        ("1;refresher=uas", 90, Duty::Watch),
    ] {
        let header = format!("Session-Expires: {value}");
        let headers: Vec<&str> = Some(&*header).filter(|_| !value.is_empty()).into_iter().collect();
        let agreement = settings.agree(&response(200, &headers));
        assert_eq!((agreement.interval_s, agreement.duty), (interval_s, duty), "{value}");
    }
}

#[test]
fn a_refresh_is_due_at_half_the_interval_and_a_bye_shortly_before_its_end() {
    let settings = SessionTimerSettings::default();
    for (value, due_s) in [
        ("1800;refresher=uac", 900),
        ("1800;refresher=uas", 1768),
        ("90;refresher=uac", 45),
        ("90;refresher=uas", 60),
    ] {
        let agreement = settings.agree(&response(200, &[&format!("Session-Expires: {value}")]));
        let since = Instant::from_millis(1_000_000);
        assert_eq!(agreement.deadline(since).since(since).as_secs(), due_s, "{value}");
    }
}
