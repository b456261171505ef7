//! `${VAR}`: values from the environment.

/// Where variables come from: the process's environment, but for tests.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces `${VAR}`, and `${VAR:-default}` where `VAR` may be unset or empty; `$${` stands for `${`. `${env:VAR}` is how IDEs write
/// `${VAR}`. The error says what is wrong, without any value.
pub(super) fn expand(text: &str, environment: Environment<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str("${");
            rest = &after[2..];
            continue;
        }
        out.push_str(before);
        let (name, tail) =
            after[2..].split_once('}').ok_or("has `${` without `}`: close it, or write `$${` for a plain `${`")?;
        if let Some(asked) = name.strip_prefix("input:") {
            return Err(format!(
                "names `${{input:{asked}}}`, which nobody can be asked for here: write `${{VARIABLE}}`, and set that in the environment"
            ));
        }
        let name = name.strip_prefix("env:").unwrap_or(name);
        let (name, default) = name.split_once(":-").map_or((name, None), |(name, default)| (name, Some(default)));
        let legal = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !legal {
            return Err(format!("names `${{{name}}}`, which is no variable: use letters, digits and `_`"));
        }
        let value = environment(name).filter(|value| default.is_none() || !value.is_empty());
        out.push_str(&value.or(default.map(str::to_owned)).ok_or_else(|| {
            format!(
                "needs the environment variable {name}, which is not set: set it, or write `$${{` for a plain `${{`"
            )
        })?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("se${cr}et".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_once() {
        for (text, expanded) in [
            ("Bearer ${TOKEN}", "Bearer se${cr}et"),
            ("$${TOKEN}", "${TOKEN}"),
            ("a$b$$c", "a$b$$c"),
            ("${env:TOKEN}", "se${cr}et"),
            ("${TOKEN:-x}${EMPTY:-a-b:c}${OTHER:-}", "se${cr}eta-b:c"),
            ("${TOKEN}${TOKEN}", "se${cr}etse${cr}et"),
            ("", ""),
        ] {
            assert_eq!(expand(text, &environment).as_deref(), Ok(expanded), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_named() {
        assert!(expand("${OTHER}", &environment).unwrap_err().contains("OTHER, which is not set"));
        assert!(expand("${TOKEN", &environment).unwrap_err().contains("without `}`"));
        for none in ["${a b}", "${env:}", "${:-x}", "${workspace:x}"] {
            assert!(expand(none, &environment).unwrap_err().contains("no variable"), "{none}");
        }
        let asked = expand("Bearer ${input:api-key}", &environment).unwrap_err();
        assert!(asked.contains("nobody can be asked"), "{asked}");
    }
}
