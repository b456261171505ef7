//! Ids of the broker's own requests.

/// A random string that no client can guess: 128 bits as 32 hexadecimal digits.
///
/// # Panics
/// If the operating system gives no random numbers: no session could be kept apart then.
#[expect(clippy::expect_used, reason = "without random numbers nothing here is safe")]
pub fn random_id() -> String {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    format!("{:032x}", u128::from_be_bytes(bytes))
}
