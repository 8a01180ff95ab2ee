//! What a run has measured: a table and plots, for the terminal as they come and, after a whole
//! run, for `docs/benchmarks.md`.

use std::fmt::Write as _;
use std::path::Path;

use plotters::prelude::*;

use crate::load::median;

/// The part of the page that a whole run writes.
const BEGIN: &str = "<!-- made by make bench -->";
const END: &str = "<!-- end of what make bench made -->";
const PLOTS: &str = "benches/plots";

/// The rows and plots of a run.
#[derive(Default)]
pub struct Report {
    table: String,
    plots: String,
}

/// Lines over a logarithmic axis, each a name and its points.
pub struct Plot<'a> {
    /// The file's name without its ending.
    pub name: &'a str,
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Report {
    pub fn begin() -> Self {
        let head = "| figure | measured | yardstick in the same run | ratio | aim |\n|---|---|---|---|---|\n";
        print!("{head}");
        Self {
            table: head.to_owned(),
            plots: String::new(),
        }
    }

    /// One figure, what it is measured against in the same run, and what is aimed at; empty where
    /// there is nothing to say.
    pub fn row(&mut self, figure: &str, measured: &str, yardstick: &str, ratio: &str, aim: &str) {
        let line = format!("| {figure} | {measured} | {yardstick} | {ratio} | {aim} |");
        println!("{line}");
        writeln!(self.table, "{line}").expect("memory");
    }

    /// Rates beside those of a yardstick, measured in turn, each with what it counts: the medians,
    /// and that of their ratios, which is given back.
    pub fn rates(
        &mut self,
        figure: &str,
        (done, yardstick): (&str, &str),
        pairs: &[(f64, f64)],
        aim: &str,
    ) -> f64 {
        let of = |figure: fn(&(f64, f64)) -> f64| median(pairs.iter().map(figure));
        let ratio = of(|pair| pair.0 / pair.1);
        self.row(
            figure,
            &format!("{:.0} {done}", of(|pair| pair.0)),
            &format!("{:.0} {yardstick}", of(|pair| pair.1)),
            &format!("{ratio:.2}"),
            aim,
        );
        ratio
    }

    /// Draws into `benches/plots`.
    pub fn plot(&mut self, plot: &Plot) {
        std::fs::create_dir_all(PLOTS).expect("a folder");
        let file = format!("{PLOTS}/{}.svg", plot.name);
        draw(&file, plot).expect("a picture");
        writeln!(self.plots, "![{}](../{file})\n", plot.title).expect("memory");
    }

    /// Draws one bar for each name, into `benches/plots`.
    pub fn bars(&mut self, name: &str, title: &str, bars: &[(String, f64)]) {
        std::fs::create_dir_all(PLOTS).expect("a folder");
        let file = format!("{PLOTS}/{name}.svg");
        draw_bars(&file, title, bars).expect("a picture");
        writeln!(self.plots, "![{title}](../{file})\n").expect("memory");
    }

    /// Puts the run into the page, in the place of the last one's.
    pub fn publish(&self, minutes: u64) {
        let page = Path::new("docs/benchmarks.md");
        let text = std::fs::read_to_string(page).expect("docs/benchmarks.md");
        let (before, rest) = text.split_once(BEGIN).expect("the page has a place for it");
        let (_last, after) = rest.split_once(END).expect("the page says where it ends");
        let Self { table, plots } = self;
        let made = format!(
            "{BEGIN}\n{}, in {minutes} minutes.\n\n{table}\n{plots}{END}",
            machine()
        );
        std::fs::write(page, format!("{before}{made}{after}")).expect("docs/benchmarks.md");
    }
}

/// Where and with what it ran.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unnamed CPU", |(_, model)| model)
        .to_owned();
    let vectors = ["avx512f", "avx2"]
        .into_iter()
        .find(|flag| cpu.split_whitespace().any(|word| word == *flag))
        .unwrap_or("no AVX2");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let said = |program: &str, flag: &str| {
        let output = std::process::Command::new(program).arg(flag).output();
        output
            .map(|output| {
                String::from_utf8_lossy(&output.stdout)
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .unwrap_or_default()
    };
    format!(
        "`make bench` of Doorward {} on {}: {cores} cores of {model} ({vectors}), Linux {}, {}, built for {}",
        env!("CARGO_PKG_VERSION"),
        chrono::Utc::now().format("%-d %B %Y"),
        kernel.trim(),
        said("rustc", "--version"),
        if cfg!(target_feature = "avx512f") {
            "this CPU's avx512f"
        } else if cfg!(target_feature = "avx2") {
            "this CPU's avx2"
        } else {
            "no vector units in particular"
        },
    )
}

const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(255, 127, 14),
    RGBColor(90, 90, 90),
];

fn draw(file: &str, plot: &Plot) -> Result<(), Box<dyn std::error::Error>> {
    let points = || plot.lines.iter().flat_map(|(_, points)| points);
    let (least, most) = points().fold((f64::MAX, 1.0_f64), |(least, most), (x, _)| {
        (least.min(*x), most.max(*x))
    });
    let highest = points().fold(0.0_f64, |highest, (_, y)| highest.max(*y)) * 1.1;
    let area = SVGBackend::new(file, (720, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(plot.title, ("sans-serif", 18))
        .margin(12)
        .margin_right(32)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d((least..most).log_scale(), 0.0..highest)?;
    let decimals = usize::from(highest < 10.0);
    chart
        .configure_mesh()
        .x_desc(plot.x)
        .y_desc(plot.y)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.decimals$}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for ((name, points), colour) in plot.lines.iter().zip(COLOURS.iter().cycle()) {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3))?
            .label(name)
            .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(TRANSPARENT)
        .draw()?;
    area.present()?;
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "pixels, and a handful of bars"
)]
fn draw_bars(file: &str, title: &str, bars: &[(String, f64)]) -> Result<(), Box<dyn std::error::Error>> {
    const NAMES: i32 = 180;
    const LONGEST: f64 = 440.0;
    let most = bars.iter().fold(1.0_f64, |most, (_, value)| most.max(*value));
    let area = SVGBackend::new(file, (720, 60 + 40 * bars.len() as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    area.titled(title, ("sans-serif", 18))?;
    for (row, (name, value)) in bars.iter().enumerate() {
        let top = 44 + 40 * row as i32;
        let end = NAMES + ((value / most * LONGEST) as i32).max(1);
        area.draw(&Text::new(name.clone(), (12, top + 6), ("sans-serif", 14)))?;
        area.draw(&Rectangle::new(
            [(NAMES, top), (end, top + 26)],
            COLOURS[row % COLOURS.len()].filled(),
        ))?;
        area.draw(&Text::new(
            format!("{value:.0}"),
            (end + 8, top + 6),
            ("sans-serif", 14),
        ))?;
    }
    area.present()?;
    Ok(())
}
