//! SIP as plain text: phones of the simulation share no code with the server's reader and printer.

use std::fmt::Write;

/// A message, taken apart by lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Text {
    pub fn request(method: &str, uri: &str) -> Text {
        Text { start: format!("{method} {uri} SIP/2.0"), headers: Vec::new(), body: String::new() }
    }

    /// A response with the headers of `request` that every response repeats.
    pub fn response(request: &Text, status: u16, to_tag: &str) -> Text {
        let mut response = Text {
            start: format!("SIP/2.0 {status} Whatever"),
            headers: Vec::new(),
            body: String::new(),
        };
        for (name, value) in &request.headers {
            match name.as_str() {
                "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route" => {
                    response.headers.push((name.clone(), value.clone()))
                }
                "To" if value.contains(";tag=") || to_tag.is_empty() => {
                    response.headers.push((name.clone(), value.clone()))
                }
                "To" => response.headers.push((name.clone(), format!("{value};tag={to_tag}"))),
                _ => {}
            }
        }
        response
    }

    pub fn parse(bytes: &[u8]) -> Text {
        let text = std::str::from_utf8(bytes).expect("the switch writes UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("the switch ends its headers");
        let mut lines = head.split("\r\n");
        let start = lines.next().expect("a start line").to_owned();
        let headers = lines
            .map(|line| {
                line.split_once(':')
                    .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                    .expect("name: value")
            })
            .collect();
        Text { start, headers, body: body.to_owned() }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Text {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same under the Via of `other`: the ACK of a refusal is part of its INVITE's transaction.
    pub fn with_branch_of(mut self, other: &Text) -> Text {
        for (name, value) in &mut self.headers {
            if name == "Via" {
                other.header("Via").clone_into(value);
            }
        }
        self
    }

    pub fn with_body(mut self, content_type: &str, body: impl Into<String>) -> Text {
        self.body = body.into();
        self.with("Content-Type", content_type)
    }

    pub fn print(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        write!(text, "Content-Length: {}\r\n\r\n{}", self.body.len(), self.body).unwrap();
        text.into_bytes()
    }

    pub fn header(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    pub fn method(&self) -> &str {
        match self.status() {
            Some(_) => self.header("CSeq").split_once(' ').expect("number and method").1,
            None => self.start.split(' ').next().expect("a method"),
        }
    }

    pub fn cseq(&self) -> u32 {
        self.header("CSeq").split(' ').next().expect("a number").parse().expect("a number")
    }

    pub fn branch(&self) -> &str {
        param(self.header("Via"), "branch").expect("a branch")
    }

    pub fn tag_of(&self, header: &str) -> Option<&str> {
        param(self.header(header), "tag")
    }

    /// The URI between the brackets of the Contact.
    pub fn contact(&self) -> Option<&str> {
        let contact = self.find("Contact")?;
        contact.split_once('<')?.1.split_once('>').map(|(uri, _)| uri)
    }

    /// Where the body says that RTP is wanted, and whether it wants and sends any.
    pub fn media(&self) -> Option<(std::net::SocketAddr, &str)> {
        let line = |prefix: &str| self.body.lines().find_map(|line| line.strip_prefix(prefix));
        let ip = line("c=IN IP4 ")?.trim();
        let port = line("m=audio ")?.split(' ').next()?;
        let direction = ["sendrecv", "sendonly", "recvonly", "inactive"]
            .into_iter()
            .find(|d| line(&format!("a={d}")).is_some());
        Some((format!("{ip}:{port}").parse().ok()?, direction.unwrap_or("sendrecv")))
    }
}

fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|param| param.trim().strip_prefix(name)?.strip_prefix('='))
}

/// A session description of one G.711 stream with key presses.
pub fn sdp(media: std::net::SocketAddr, version: u32, direction: &str) -> String {
    let (ip, port) = (media.ip(), media.port());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- 7 {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na={direction}\r\n"
    )
}
