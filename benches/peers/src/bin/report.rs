//! Makes the page of results of the figures that were measured: the table in the README, and the
//! plots.
//!
//! ```text
//! cargo run --release --bin report -- FIGURES README PLOTS
//! ```

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use plotters::prelude::*;

const BEGIN: &str = "<!-- figures -->\n";
const END: &str = "<!-- end of figures -->\n";
const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(127, 127, 127),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [figures, readme, plots] = &arguments[..] else {
        return Err(
            "three arguments: the folder of the figures, the README, the folder of the plots"
                .into(),
        );
    };
    let figures = read(Path::new(figures))?;
    let text = fs::read_to_string(readme)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .ok_or("the README has no place for figures")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("the place for figures has no end")?;
    let table = figures.table()?;
    fs::write(readme, format!("{before}{BEGIN}{table}{END}{after}"))?;
    fs::create_dir_all(plots)?;
    figures.plot(Path::new(plots))
}

/// One cell of the table.
struct Ratio {
    case: String,
    median: String,
    range: String,
    goal: String,
    is_met: bool,
}

/// Of one kind, against one thing, in one place.
struct Row {
    what: String,
    against: String,
    place: String,
    ratios: Vec<Ratio>,
}

#[derive(Default)]
struct Figures {
    rows: Vec<Row>,
    /// By plot and series, in the order in which they were measured.
    points: BTreeMap<String, Vec<Series>>,
}

fn read(folder: &Path) -> Result<Figures, Box<dyn Error>> {
    let mut figures = Figures::default();
    let mut files: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    // The stage comes before its peers.
    files.sort_by_key(|file| std::cmp::Reverse(file.file_name()));
    for file in files {
        for line in fs::read_to_string(file.path())?.lines() {
            let fields: Vec<_> = line.split('\t').collect();
            match fields[..] {
                [
                    "ratio",
                    what,
                    against,
                    case,
                    median,
                    least,
                    most,
                    _,
                    goal,
                    judged,
                ] => {
                    let (place, case) = case.rsplit_once(", ").unwrap_or(("", case));
                    let ratio = Ratio {
                        case: case.into(),
                        median: short(median)?,
                        range: format!("{}–{}", short(least)?, short(most)?),
                        goal: goal.into(),
                        is_met: judged == "met",
                    };
                    figures.enter(what, against, place, ratio);
                }
                ["point", plot, series, x, y] => {
                    figures.point(plot, series, (x.parse()?, y.parse()?));
                }
                _ => return Err(format!("no figure: {line}").into()),
            }
        }
    }
    Ok(figures)
}

fn short(number: &str) -> Result<String, std::num::ParseFloatError> {
    let number: f64 = number.parse()?;
    Ok(if number < 10.0 {
        format!("{number:.2}")
    } else {
        format!("{number:.0}")
    })
}

impl Figures {
    fn enter(&mut self, what: &str, against: &str, place: &str, ratio: Ratio) {
        let is_it =
            |row: &&mut Row| row.what == what && row.against == against && row.place == place;
        if let Some(row) = self.rows.iter_mut().find(is_it) {
            row.ratios.push(ratio);
        } else {
            self.rows.push(Row {
                what: what.into(),
                against: against.into(),
                place: place.into(),
                ratios: vec![ratio],
            });
        }
    }

    fn point(&mut self, plot: &str, series: &str, point: (f64, f64)) {
        let all = self.points.entry(plot.into()).or_default();
        match all.iter_mut().find(|it| it.0 == series) {
            Some((_, points)) => points.push(point),
            None => all.push((series.into(), vec![point])),
        }
    }

    fn table(&self) -> Result<String, Box<dyn Error>> {
        let mut text = format!("{}\n\n", machine()?);
        text += "| Measured | against | where | median of the ratios (least–most) | goal |\n";
        text += "|---|---|---|---|---|\n";
        for row in &self.rows {
            let list = |of: &dyn Fn(&Ratio) -> String| {
                let each: Vec<_> = row.ratios.iter().map(of).collect();
                each.join("<br>")
            };
            let ratios = list(&|it| format!("{}: **{}** ({})", it.case, it.median, it.range));
            let goals = list(&|it| {
                if it.is_met {
                    it.goal.clone()
                } else {
                    format!("{}, not reached", it.goal)
                }
            });
            writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                row.what, row.against, row.place, ratios, goals
            )?;
        }
        Ok(text)
    }

    fn plot(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let points = |name: &str| self.points.get(name).map(Vec::as_slice).unwrap_or_default();
        lines(
            &folder.join("throughput.svg"),
            "Time for each segment, a plain loop = 1",
            ("segment size in KiB", "ratio to the plain loop"),
            points("throughput"),
            Axes::LogX {
                least: 16.0,
                most: 16_384.0,
            },
        )?;
        lines(
            &folder.join("latency.svg"),
            "send with a free slot",
            (
                "quantile, in nines (1 = p90, 2 = p99, 3 = p99.9)",
                "nanoseconds",
            ),
            points("latency"),
            Axes::LogY {
                most: 3.0,
                lowest: 10.0,
                highest: 1e6,
            },
        )?;
        lines(
            &folder.join("streams.svg"),
            "Time for each segment by number of streams, one stream = 1",
            ("streams", "ratio to one stream"),
            points("streams"),
            Axes::LogX {
                least: 1.0,
                most: 1_000.0,
            },
        )
    }
}

/// What it was measured on.
fn machine() -> Result<String, Box<dyn Error>> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("a processor without a name", |it| {
        it.trim_start_matches(['\t', ' ', ':'])
    });
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let kernel: String = kernel
        .chars()
        .take_while(|it| it.is_ascii_digit() || *it == '.')
        .collect();
    Ok(format!(
        "Measured on {cores} cores of a virtual machine ({model}), Linux {}.",
        kernel.trim_end_matches('.')
    ))
}

enum Axes {
    LogX {
        least: f64,
        most: f64,
    },
    LogY {
        most: f64,
        lowest: f64,
        highest: f64,
    },
}

type Series = (String, Vec<(f64, f64)>);

fn lines(
    path: &Path,
    title: &str,
    axes: (&str, &str),
    series: &[Series],
    scale: Axes,
) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(path, (720, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut builder = ChartBuilder::on(&area);
    builder
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60);
    macro_rules! draw {
        ($x:expr, $y:expr, $clamp:expr) => {{
            let mut chart = builder.build_cartesian_2d($x, $y)?;
            chart
                .configure_mesh()
                .x_desc(axes.0)
                .y_desc(axes.1)
                .light_line_style(WHITE)
                .draw()?;
            for ((name, points), colour) in series.iter().zip(COLOURS.iter().cycle()) {
                let points: Vec<(f64, f64)> = points.iter().map($clamp).collect();
                chart
                    .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(2))?
                    .label(name)
                    .legend(move |(x, y)| {
                        PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2))
                    });
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .background_style(WHITE.mix(0.8))
                .border_style(BLACK.mix(0.3))
                .draw()?;
        }};
    }
    match scale {
        Axes::LogX { least, most } => {
            let ys = series.iter().flat_map(|it| &it.1).map(|point| point.1);
            let highest = 1.1 * ys.fold(1.5, f64::max);
            draw!((least..most).log_scale(), 0.0..highest, |&point| point);
        }
        Axes::LogY {
            most,
            lowest,
            highest,
        } => {
            draw!(0.0..most, (lowest..highest).log_scale(), |&(x, y)| (
                x,
                y.clamp(lowest, highest)
            ));
        }
    }
    area.present()?;
    Ok(())
}
