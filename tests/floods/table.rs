//! The table of docs/floods.md.

use super::Round;
use super::people::Fared;
use super::watch::at;

pub const HEAD: &str = "| flood | known device | another network, first try | with a second try | refreshes | login from a known device, ms | from another network, ms | `/me` p50, ms | `/me` p99, ms | memory, MiB | `/ready` |\n|---|---|---|---|---|---|---|---|---|---|---|";

/// One row: before the flood and during it.
pub fn row(name: &str, round: &Round) -> String {
    let Some((before, idle)) = &round.before else {
        return format!("| {name} | without the time before |");
    };
    let (alone, beside, seen) = (before, &round.during, &round.seen);
    let both = |figure: &dyn Fn(&[Fared; 2]) -> String| format!("{} → {}", figure(alone), figure(beside));
    let of = |number: usize, of: usize| format!("{number} of {of}");
    let cells = [
        name.to_owned(),
        both(&|[known, _]| of(known.at_once, known.of)),
        both(&|[_, others]| of(others.at_once, others.of)),
        both(&|[_, others]| of(others.came_in(), others.of)),
        both(&|[known, others]| {
            of(
                known.refreshed + others.refreshed,
                known.sessions + others.sessions,
            )
        }),
        both(&|[known, _]| format!("{:.0}", at(&known.times, 50))),
        both(&|[_, others]| format!("{:.0}", at(&others.times, 50))),
        format!("{:.2} → {:.2}", idle.me_within(50), seen.me_within(50)),
        format!("{:.2} → {:.2}", idle.me_within(99), seen.me_within(99)),
        format!("{} → {}", idle.most_kib / 1024, seen.most_kib / 1024),
        of(seen.ready, seen.ready + seen.not_ready.len()),
    ];
    format!("| {} |", cells.join(" | "))
}
