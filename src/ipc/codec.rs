//! Varlink's framing: one JSON object a message, ended by a NUL byte.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a client asks for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Call {
    /// The interface and the method: `io.moltdown.Watchdog.Status`.
    pub method: String,
    /// Parameters by name, unread so far: which types they must have depends on the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Box<RawValue>>,
    /// No reply is wanted, not even an error.
    #[serde(default, skip_serializing_if = "is_false")]
    pub oneway: bool,
    /// More than one reply is welcome.
    #[serde(default, skip_serializing_if = "is_false")]
    pub more: bool,
    /// The connection is to speak another protocol afterwards; nothing here does.
    #[serde(default, skip_serializing_if = "is_false")]
    pub upgrade: bool,
}

impl Call {
    /// A plain call of `method` without parameters.
    #[must_use]
    pub fn of(method: String) -> Self {
        Self { method, parameters: None, oneway: false, more: false, upgrade: false }
    }

    /// The same call with these parameters.
    ///
    /// # Errors
    /// When they cannot be put into JSON.
    pub fn with(self, parameters: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self { parameters: Some(serde_json::value::to_raw_value(parameters)?), ..self })
    }
}

/// A good answer. Serialised as a type, so that fields keep the order in which they are declared.
#[derive(Debug, Serialize)]
pub struct Reply<P> {
    /// What the method returns.
    pub parameters: P,
    /// Another reply follows.
    #[serde(skip_serializing_if = "is_false")]
    pub continues: bool,
}

/// An answer as a client finds it, good or bad.
#[derive(Debug, Deserialize)]
pub struct RawReply {
    /// What was returned; the details where it is an error.
    #[serde(default)]
    pub parameters: Option<Box<RawValue>>,
    /// The error's name.
    #[serde(default)]
    pub error: Option<String>,
    /// Another reply follows.
    #[serde(default)]
    pub continues: bool,
}

// serde's `skip_serializing_if` asks for a reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

/// The message as it goes over the socket.
///
/// # Errors
/// When the value cannot be put into JSON.
pub fn encode(message: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(message)?;
    bytes.push(0);
    Ok(bytes)
}

/// Bytes as they come in, cut into messages.
#[derive(Debug)]
pub struct Frames {
    buffer: Vec<u8>,
    /// So many bytes are known to hold no NUL: a message that drips in is not searched again from its start.
    searched: usize,
    cap: usize,
}

/// A message is longer than it may be.
#[derive(Debug, thiserror::Error)]
#[error("a message is longer than {cap} bytes")]
pub struct TooLong {
    cap: usize,
}

impl Frames {
    /// Nothing yet; no message longer than `cap` bytes will be taken.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self { buffer: Vec::new(), searched: 0, cap }
    }

    /// Where to append what was read.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether nothing has come in that was not taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether more is waiting than the longest message has.
    #[must_use]
    pub fn is_over_cap(&self) -> bool {
        self.buffer.len() > self.cap
    }

    /// The next whole message without its NUL; `None` where its end has not come in yet.
    ///
    /// # Errors
    /// [`TooLong`] once the message is over the cap, whole or not.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        let end = fresh.iter().position(|byte| *byte == 0).map(|at| at + self.searched);
        if end.unwrap_or(self.buffer.len()) > self.cap {
            return Err(TooLong { cap: self.cap });
        }
        let Some(end) = end else {
            self.searched = self.buffer.len();
            return Ok(None);
        };
        let rest = self.buffer.split_off(end + 1);
        let mut message = std::mem::replace(&mut self.buffer, rest);
        message.truncate(end);
        self.searched = 0;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_whole_however_their_bytes_came() {
        let mut frames = Frames::new(64);
        frames.buffer().extend(b"{\"a\"");
        assert!(frames.next_message().unwrap().is_none());
        frames.buffer().extend(b":1}\0{}\0{\"b");
        assert_eq!(frames.next_message().unwrap().unwrap(), b"{\"a\":1}");
        assert_eq!(frames.next_message().unwrap().unwrap(), b"{}");
        assert!(frames.next_message().unwrap().is_none());
        frames.buffer().extend(b"\":2}\0");
        assert_eq!(frames.next_message().unwrap().unwrap(), b"{\"b\":2}");
    }

    #[test]
    fn a_message_at_the_cap_passes_and_one_over_it_does_not() {
        let mut frames = Frames::new(4);
        frames.buffer().extend(b"1234\0");
        assert_eq!(frames.next_message().unwrap().unwrap(), b"1234");
        frames.buffer().extend(b"12345\0");
        assert!(frames.next_message().is_err());
        let mut endless = Frames::new(4);
        endless.buffer().extend(b"12345");
        assert!(endless.next_message().is_err());
    }

    #[test]
    fn a_call_takes_null_for_no_parameters_and_escaped_names() {
        let call: Call =
            serde_json::from_str(r#"{"\u006dethod":"a.B","parameters":null,"more":true}"#).unwrap();
        assert_eq!((call.method.as_str(), call.parameters.is_none(), call.more), ("a.B", true, true));
        let text = String::from_utf8(encode(&Call::of("a.B".to_owned())).unwrap()).unwrap();
        assert_eq!(text, "{\"method\":\"a.B\"}\0");
    }
}
