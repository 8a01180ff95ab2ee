//! Where an HTTP/1.1 answer ends: by its Content-Length, or in chunks as Node writes it.

/// Its status, once it is there to its end.
pub fn status(answer: &[u8]) -> Option<u16> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&answer[..head]).expect("ASCII");
    let body = &answer[head + 4..];
    let whole = match header(text, "content-length") {
        Some(length) => body.len() >= length.parse::<usize>().expect("a number"),
        None if header(text, "transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) =>
        {
            has_last_chunk(body)
        }
        None => true,
    };
    whole.then(|| {
        text.split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status")
    })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        if found.eq_ignore_ascii_case(name) {
            value.strip_prefix(':').map(str::trim)
        } else {
            None
        }
    })
}

fn has_last_chunk(mut chunks: &[u8]) -> bool {
    loop {
        let Some(line) = chunks.windows(2).position(|two| two == b"\r\n") else {
            return false;
        };
        let size = std::str::from_utf8(&chunks[..line])
            .ok()
            .and_then(|size| size.split(';').next());
        let size = size
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok())
            .expect("a chunk's size");
        if size == 0 {
            // Trailers, if any, and an empty line.
            return chunks[line..].windows(4).any(|four| four == b"\r\n\r\n");
        }
        let Some(rest) = chunks.get(line + 2 + size + 2..) else {
            return false;
        };
        chunks = rest;
    }
}
