//! The report.

use crate::Failure;
use crate::console::say;
use crate::cpu::{Comparison, Outcome, Round};
use crate::memory::{Growth, SLOW_BYTES, UPLOAD_BYTES, UPLOADS};
use procfs::{Current, LoadAverage};
use std::path::PathBuf;

/// Times the CPU time of plain Envoy, at every size.
const CPU_LIMIT: f64 = 1.6;
/// MiB that Envoy may grow by during the uploads.
const UPLOADS_LIMIT: f64 = 64.0;

/// How busy the machine is.
pub(crate) fn machine(when: &str) -> Result<(), Failure> {
    let load = LoadAverage::current().map_err(|error| format!("error: /proc/loadavg cannot be read: {error}"))?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    say(&format!("Load average {when}: {} {} {} ({cores} cores)", load.one, load.five, load.fifteen));
    Ok(())
}

/// Everything that was measured, and beside it what it may be.
pub(crate) fn all(cpu: &Outcome, against: &[PathBuf], uploads: &Growth, slow: &Growth) {
    say("The machine has to be quiet: whatever else runs on it makes these numbers larger and less certain.");
    say("\nCPU time of Envoy per tools/call, in µs");
    say("            median                   minimum                  calls");
    say("  body      plain   filter  ratio    plain   filter  ratio    plain     filter");
    for size in &cpu.sizes {
        say(&line(size, &size.filter));
    }
    for (number, module) in against.iter().enumerate() {
        say(&format!("  against {}", module.display()));
        for size in &cpu.sizes {
            say(&line(size, &size.against[number]));
        }
    }
    say(&format!("  {} answers were wrong", cpu.errors()));

    say("\nRequests of Envoy to the broker");
    say(&format!(
        "  {} in {:.1} s, during {} calls through the filter, which asks once a second if its routes still hold",
        cpu.broker_requests,
        cpu.elapsed.as_secs_f64(),
        cpu.filter_calls()
    ));

    say("\nResident memory of Envoy, in MiB; in brackets the most since its start");
    say("                                    before           peak    after            growth");
    say(&memory(&uploads_name(), uploads));
    say(&memory(&slow_name(), slow));

    say("\nLimits                                        measured  limit");
    for size in &cpu.sizes {
        let ratio = median(&size.filter) / median(&size.plain);
        let name = format!("CPU, body of {}, filter / plain", kilobytes(size.size));
        limit(&name, &format!("{ratio:.2}"), "1.60", ratio <= CPU_LIMIT);
    }
    let beyond = beyond_the_question(cpu, 1 + against.len());
    limit("requests to the broker that calls caused", &beyond.to_string(), "0", beyond == 0);
    let grown = mib(uploads.bytes());
    limit(&format!("memory, {}", uploads_name()), &format!("{grown:.1} MiB"), "64 MiB", grown < UPLOADS_LIMIT);
    say(&format!("  {:<44}{:.1} MiB (no limit)", format!("memory, {}", slow_name()), mib(slow.bytes())));
}

fn limit(name: &str, measured: &str, limit: &str, ok: bool) {
    say(&format!("  {name:<44}{measured:<10}{limit:<8}{}", if ok { "ok" } else { "OVER" }));
}

fn line(size: &Comparison, filtered: &[Round]) -> String {
    let columns = |of: fn(&[Round]) -> f64| {
        let (plain, filter) = (of(&size.plain), of(filtered));
        format!("{plain:<8.1}{filter:<8.1}{:<9.2}", filter / plain)
    };
    let calls = |rounds: &[Round]| rounds.iter().map(|round| round.requests).sum::<u64>();
    format!(
        "  {:<10}{}{}{:<10}{}",
        kilobytes(size.size),
        columns(median),
        columns(minimum),
        calls(&size.plain),
        calls(filtered)
    )
}

fn memory(name: &str, growth: &Growth) -> String {
    let resident = |at: &crate::process::Resident| format!("{:.1} ({:.1})", mib(at.now), mib(at.most));
    format!(
        "  {name:<34}{:<17}{:<8.1}{:<17}{:.1}",
        resident(&growth.before),
        mib(growth.peak),
        resident(&growth.after),
        mib(growth.bytes())
    )
}

/// Requests to the broker beyond one a second of each module. Each size is a stretch of its own, which may hold one more than its
/// length in seconds.
fn beyond_the_question(cpu: &Outcome, modules: usize) -> u64 {
    let questions = cpu.elapsed.as_secs() + 1 + cpu.sizes.len() as u64;
    cpu.broker_requests.saturating_sub(questions * modules as u64)
}

/// CPU time per call of each round, in µs, from small to large. Never empty.
fn per_call(rounds: &[Round]) -> Vec<f64> {
    let mut times: Vec<f64> =
        rounds.iter().map(|round| round.cpu.as_secs_f64() * 1e6 / round.requests.max(1) as f64).collect();
    times.sort_by(f64::total_cmp);
    times
}

fn median(rounds: &[Round]) -> f64 {
    let times = per_call(rounds);
    (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0
}

fn minimum(rounds: &[Round]) -> f64 {
    per_call(rounds)[0]
}

fn uploads_name() -> String {
    format!("{UPLOADS} uploads of {} MB at once", UPLOAD_BYTES >> 20)
}

fn slow_name() -> String {
    format!("{} MB to a slow server", SLOW_BYTES >> 20)
}

fn kilobytes(bytes: usize) -> String {
    if bytes < 1 << 10 { format!("{:.1} KB", bytes as f64 / 1000.0) } else { format!("{} KB", bytes >> 10) }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_median_is_in_the_middle() {
        let round = |micros| Round { cpu: Duration::from_micros(micros), requests: 10, errors: Vec::new() };
        let rounds = [round(900), round(300), round(500)];
        assert_eq!((median(&rounds), minimum(&rounds)), (50.0, 30.0));
        assert_eq!(median(&rounds[..2]), 60.0);
    }
}
