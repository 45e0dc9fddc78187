//! Bodies of several parts, RFC 2046 §5.1: a session description and metadata in one message.

/// The media type of metadata, RFC 7866 §12.2.
pub(super) const METADATA: &str = "application/rs-metadata+xml";
/// The media type of a question for metadata, RFC 7866 §12.3.
pub(super) const METADATA_REQUEST: &str = "application/rs-metadata-request";
/// The media type of session descriptions.
pub(super) const SDP: &str = "application/sdp";

/// The Content-Type and the body of a message with both parts. `boundary` is chance, so that no part holds it.
pub(super) fn with_metadata(sdp: &str, metadata: &str, boundary: &str) -> (String, Vec<u8>) {
    let body = format!(
        "--{boundary}\r\nContent-Type: {SDP}\r\n\r\n{sdp}\r\n\
         --{boundary}\r\nContent-Type: {METADATA}\r\nContent-Disposition: recording-session\r\n\r\n{metadata}\r\n\
         --{boundary}--\r\n"
    );
    (format!("multipart/mixed;boundary={boundary}"), body.into_bytes())
}

/// The part of the media type `wanted`: the whole body, or one of its parts.
pub(super) fn part<'b>(
    content_type: Option<&str>,
    body: &'b [u8],
    wanted: &str,
) -> Option<&'b [u8]> {
    let content_type = content_type?;
    if is_type(content_type, wanted) {
        return (!body.is_empty()).then_some(body);
    }
    let is_multipart =
        content_type.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"));
    let boundary = boundary_of(content_type).filter(|_| is_multipart)?;
    parts(body, boundary).find_map(|part| {
        let (head, content) = split_head(part);
        let named = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-type").then_some(value)
        });
        // RFC 2046 §5.2: a part without a type is plain text.
        is_type(named?, wanted).then_some(content)
    })
}

fn is_type(content_type: &str, wanted: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

fn boundary_of(content_type: &str) -> Option<&str> {
    let boundary = content_type.split(';').skip(1).find_map(|param| {
        let (name, value) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim().trim_matches('"'))
    });
    boundary.filter(|boundary| !boundary.is_empty())
}

/// What stands between the delimiters.
fn parts<'b>(body: &'b [u8], boundary: &str) -> impl Iterator<Item = &'b [u8]> {
    let delimiter = format!("--{boundary}");
    let mut starts = Vec::new();
    let mut from = 0;
    while let Some(at) = find(body.get(from..).unwrap_or_default(), delimiter.as_bytes()) {
        let at = from + at;
        // §5.1.1: a delimiter is a line of its own.
        if at == 0 || body.get(at - 1) == Some(&b'\n') {
            starts.push((at, at + delimiter.len()));
        }
        from = at + delimiter.len();
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|(at, _)| *at).collect();
    let parts = starts.into_iter().zip(ends).filter_map(|((_, from), to)| {
        let part = body.get(from..to)?;
        let part = part.strip_suffix(b"\r\n").or(part.strip_suffix(b"\n")).unwrap_or(part);
        // The rest of the delimiter's own line.
        let line = find(part, b"\n")? + 1;
        part.get(line..)
    });
    parts.collect::<Vec<_>>().into_iter()
}

/// The head of a part and what follows the empty line.
fn split_head(part: &[u8]) -> (&str, &[u8]) {
    let (head, content) =
        if let Some(content) = part.strip_prefix(b"\r\n").or(part.strip_prefix(b"\n")) {
            (&[][..], content)
        } else if let Some(at) = find(part, b"\r\n\r\n") {
            (part.get(..at).unwrap_or_default(), part.get(at + 4..).unwrap_or_default())
        } else if let Some(at) = find(part, b"\n\n") {
            (part.get(..at).unwrap_or_default(), part.get(at + 2..).unwrap_or_default())
        } else {
            (part, &[][..])
        };
    (std::str::from_utf8(head).unwrap_or_default(), content)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found_again() {
        let (content_type, body) = with_metadata("v=0\r\n", "<recording/>", "b-1");
        let found = |wanted| {
            let part = part(Some(&content_type), &body, wanted)?;
            std::str::from_utf8(part).ok()
        };
        assert_eq!(found(SDP), Some("v=0\r\n"));
        assert_eq!(found(METADATA), Some("<recording/>"));
        assert_eq!(found(METADATA_REQUEST), None);
        assert!(body.ends_with(b"\r\n--b-1--\r\n"));
    }

    #[test]
    fn parts_of_others_are_read_in_any_style() {
        let plain = b"v=0\r\n";
        assert_eq!(part(Some("Application/SDP;charset=x"), plain, SDP), Some(&plain[..]));
        assert_eq!(part(None, plain, SDP), None);
        let body = b"preamble\n--x\nContent-type : APPLICATION/sdp\n\nv=0\n--x--inside\n\n--x--\n";
        assert_eq!(
            part(Some("multipart/Mixed; a=b; Boundary=\"x\""), body, SDP),
            Some(&b"v=0"[..])
        );
        for (content_type, body) in [
            ("multipart/mixed", &b"--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x--"[..]),
            ("multipart/mixed;boundary=x", b"--x"),
            ("multipart/mixed;boundary=x", b""),
            ("multipart/mixed;boundary=", b"--\r\n--\r\n"),
            ("text/plain", b"v=0"),
        ] {
            assert_eq!(part(Some(content_type), body, SDP), None, "{content_type}");
        }
    }
}
