//! Varlink's framing: one JSON object a message, ended by a NUL byte.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A call from a client.
#[derive(Debug, Serialize, Deserialize)]
pub struct Call {
    /// The interface and the method: `io.moltdown.Watchdog.Status`.
    pub method: String,
    /// Parameters by name, not parsed yet: their types depend on the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Box<RawValue>>,
    /// No reply is wanted, not even an error.
    #[serde(default, skip_serializing_if = "is_false")]
    pub oneway: bool,
    /// The client accepts more than one reply.
    #[serde(default, skip_serializing_if = "is_false")]
    pub more: bool,
    /// The connection is to switch to another protocol afterwards, which is not supported.
    #[serde(default, skip_serializing_if = "is_false")]
    pub upgrade: bool,
}

impl Call {
    /// A plain call of `method` without parameters.
    #[must_use]
    pub fn new(method: String) -> Self {
        Self { method, parameters: None, oneway: false, more: false, upgrade: false }
    }

    /// The same call with these parameters.
    ///
    /// # Errors
    /// If they cannot be serialised.
    pub fn with(self, parameters: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self { parameters: Some(serde_json::value::to_raw_value(parameters)?), ..self })
    }
}

/// A successful reply. Serialised as a type, so that fields keep the order of their declaration.
#[derive(Debug, Serialize)]
pub struct Reply<P> {
    /// The method's result.
    pub parameters: P,
    /// Another reply follows.
    #[serde(skip_serializing_if = "is_false")]
    pub continues: bool,
}

/// A reply as received, successful or not.
#[derive(Debug, Deserialize)]
pub struct RawReply {
    /// The result, or the details of the error.
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

/// Encodes a message for the socket.
///
/// # Errors
/// If the value cannot be serialised.
pub fn encode(message: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(message)?;
    bytes.push(0);
    Ok(bytes)
}

/// Splits received bytes into messages.
#[derive(Debug)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Length of the prefix without a NUL, so that a message in many pieces is not searched from its start each time.
    searched: usize,
    max_len: usize,
}

/// A message exceeds the maximum length.
#[derive(Debug, thiserror::Error)]
#[error("a message is longer than {max_len} bytes")]
pub struct TooLong {
    max_len: usize,
}

impl Frames {
    /// An empty buffer for messages of at most `max_len` bytes.
    #[must_use]
    pub fn new(max_len: usize) -> Self {
        Self { buffer: Vec::new(), searched: 0, max_len }
    }

    /// The buffer to append received bytes to.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether all received bytes were taken as messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether more bytes are buffered than the longest message has.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.buffer.len() > self.max_len
    }

    /// The next complete message without its NUL; `None` if its end has not been received.
    ///
    /// # Errors
    /// [`TooLong`] once the message exceeds the maximum, complete or not.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        let end = fresh.iter().position(|byte| *byte == 0).map(|at| at + self.searched);
        if end.unwrap_or(self.buffer.len()) > self.max_len {
            return Err(TooLong { max_len: self.max_len });
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
    fn messages_are_complete_however_their_bytes_arrive() {
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
    fn messages_over_the_maximum_length_are_refused() {
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
    fn a_call_accepts_null_parameters_and_escaped_names() {
        let call: Call =
            serde_json::from_str(r#"{"\u006dethod":"a.B","parameters":null,"more":true}"#).unwrap();
        assert_eq!((call.method.as_str(), call.parameters.is_none(), call.more), ("a.B", true, true));
        let text = String::from_utf8(encode(&Call::new("a.B".to_owned())).unwrap()).unwrap();
        assert_eq!(text, "{\"method\":\"a.B\"}\0");
    }
}
