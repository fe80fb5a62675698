//! The parameters of a call, parsed one by one so that an error can name the parameter.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::MethodError;

/// The parameters of a call that are not parsed yet. A method takes those it knows and then calls [`finish`](Self::finish).
#[derive(Debug, Default)]
pub struct Parameters(BTreeMap<String, Box<RawValue>>);

impl Parameters {
    /// The parameters of a call; no parameters are the same as an empty object.
    ///
    /// # Errors
    /// [`MethodError::InvalidParameter`] if they are no object.
    pub fn parse(raw: Option<&RawValue>) -> Result<Self, MethodError> {
        match raw {
            None => Ok(Self::default()),
            Some(raw) => serde_json::from_str(raw.get()).map(Self).map_err(|_| invalid("parameters")),
        }
    }

    /// Takes the required parameter `name`.
    ///
    /// # Errors
    /// [`MethodError::InvalidParameter`] with its name if it is missing or of another type.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, MethodError> {
        let raw = self.0.remove(name).ok_or_else(|| invalid(name))?;
        serde_json::from_str(raw.get()).map_err(|_| invalid(name))
    }

    /// Takes the optional parameter `name`; null is the same as none.
    ///
    /// # Errors
    /// [`MethodError::InvalidParameter`] with its name if it is of another type.
    pub fn take_optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, MethodError> {
        let Some(raw) = self.0.remove(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|_| invalid(name))
    }

    /// Refuses unknown parameters: a misspelt one must not pass for a missing one.
    ///
    /// # Errors
    /// [`MethodError::InvalidParameter`] with the name of an unknown one.
    pub fn finish(self) -> Result<(), MethodError> {
        self.0.into_keys().next().map_or(Ok(()), |name| Err(invalid(&name)))
    }
}

fn invalid(parameter: &str) -> MethodError {
    MethodError::InvalidParameter { parameter: parameter.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(json: &str) -> Result<Parameters, MethodError> {
        Parameters::parse(Some(&RawValue::from_string(json.to_owned()).unwrap()))
    }

    #[test]
    fn an_error_names_the_parameter() {
        assert_eq!(parameters("[1]").unwrap_err(), invalid("parameters"));
        assert_eq!(parameters("{}").unwrap().take::<i32>("pid"), Err(invalid("pid")));
        assert_eq!(parameters(r#"{"pid":"7"}"#).unwrap().take::<i32>("pid"), Err(invalid("pid")));
        let mut misspelt = parameters(r#"{"pid":7,"pd":8}"#).unwrap();
        assert_eq!(misspelt.take("pid"), Ok(7));
        assert_eq!(misspelt.finish(), Err(invalid("pd")));
        let mut optional = parameters(r#"{"a":null,"b":7,"c":"7"}"#).unwrap();
        assert_eq!(optional.take_optional::<i32>("a"), Ok(None));
        assert_eq!(optional.take_optional("b"), Ok(Some(7)));
        assert_eq!(optional.take_optional::<i32>("c"), Err(invalid("c")));
        assert_eq!(optional.take_optional::<i32>("d"), Ok(None));
        assert_eq!(Parameters::parse(None).unwrap().finish(), Ok(()));
    }
}
