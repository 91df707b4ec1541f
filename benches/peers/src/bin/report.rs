//! Makes the page of results of the rows that are kept: the tables in the README, and the plots.
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
/// The order of the rows. Others follow by name.
const ROWS: [&str; 14] = [
    "throughput",
    "durable",
    "cameras",
    "live_hls",
    "push",
    "uploads",
    "distance",
    "idle",
    "instructions",
    "overlap",
    "latency",
    "memory",
    "streams",
    "original",
];
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
    fs::create_dir_all(plots)?;
    let plots = figures.plot(Path::new(plots))?;
    let page = format!("{before}{BEGIN}{table}\n{plots}{END}{after}");
    fs::write(readme, page)?;
    Ok(())
}

/// One cell of the table.
struct Figure {
    case: String,
    median: String,
    range: String,
    goal: String,
    is_met: bool,
}

/// Of one kind, against one thing or in one unit, in one place.
struct Line {
    what: String,
    against: String,
    place: String,
    figures: Vec<Figure>,
}

#[derive(Default)]
struct Figures {
    ratios: Vec<Line>,
    amounts: Vec<Line>,
    /// By plot and series, in the order in which they were measured.
    points: BTreeMap<String, Vec<Series>>,
    /// Each with the rows that it has measured.
    machines: Vec<(String, Vec<String>)>,
}

fn read(folder: &Path) -> Result<Figures, Box<dyn Error>> {
    let mut figures = Figures::default();
    let mut rows = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_stem().and_then(|it| it.to_str());
        let name = name.ok_or("a row without a name")?.to_owned();
        let place = ROWS.iter().position(|row| *row == name);
        rows.push((place.unwrap_or(ROWS.len()), name, path));
    }
    rows.sort();
    for (_, row, path) in rows {
        for line in fs::read_to_string(path)?.lines() {
            figures.take(&row, line)?;
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
    fn take(&mut self, row: &str, line: &str) -> Result<(), Box<dyn Error>> {
        let fields: Vec<_> = line.split('\t').collect();
        match fields[..] {
            ["machine", machine] => {
                let known = self.machines.iter_mut().find(|it| it.0 == machine);
                match known {
                    Some((_, rows)) => rows.push(row.into()),
                    None => self.machines.push((machine.into(), vec![row.into()])),
                }
            }
            [
                kind @ ("ratio" | "amount"),
                what,
                against,
                case,
                median,
                least,
                most,
                count,
                goal,
                judged,
            ] => {
                let (place, case) = case.rsplit_once(", ").unwrap_or(("", case));
                let range = match count {
                    "1" => String::new(),
                    _ => format!(" ({}–{})", short(least)?, short(most)?),
                };
                let figure = Figure {
                    case: case.into(),
                    median: short(median)?,
                    range,
                    goal: goal.into(),
                    is_met: judged == "met",
                };
                let lines = match kind {
                    "ratio" => &mut self.ratios,
                    _ => &mut self.amounts,
                };
                enter(lines, what, against, place, figure);
            }
            ["point", plot, series, x, y] => {
                self.point(plot, series, (x.parse()?, y.parse()?));
            }
            _ => return Err(format!("no figure: {line}").into()),
        }
        Ok(())
    }

    fn point(&mut self, plot: &str, series: &str, point: (f64, f64)) {
        let all = self.points.entry(plot.into()).or_default();
        match all.iter_mut().find(|it| it.0 == series) {
            Some((_, points)) => points.push(point),
            None => all.push((series.into(), vec![point])),
        }
    }

    fn table(&self) -> Result<String, Box<dyn Error>> {
        let mut text = String::new();
        for (machine, rows) in &self.machines {
            let which = match self.machines.len() {
                1 => String::new(),
                _ => format!(" ({})", rows.join(", ")),
            };
            writeln!(text, "Measured on {machine}{which}.\n")?;
        }
        text += "| Measured | against | where | median of the ratios (least–most) | goal |\n";
        text += "|---|---|---|---|---|\n";
        for line in &self.ratios {
            line.write(&mut text)?;
        }
        text += "\n| Measured | in | where | median (least–most) | goal |\n";
        text += "|---|---|---|---|---|\n";
        for line in &self.amounts {
            line.write(&mut text)?;
        }
        Ok(text)
    }

    /// Returns the lines that show the plots.
    fn plot(&self, folder: &Path) -> Result<String, Box<dyn Error>> {
        let log_x = |least, most| Axes::LogX { least, most };
        let plots = [
            (
                "throughput",
                "Time for each segment, the plain loop = 1",
                ("segment size in KiB", "ratio to the plain loop"),
                log_x(16.0, 16_384.0),
            ),
            (
                "latency",
                "send with a free slot",
                (
                    "quantile, in nines (1 = p90, 2 = p99, 3 = p99.9)",
                    "nanoseconds",
                ),
                Axes::LogY {
                    most: 3.0,
                    lowest: 10.0,
                    highest: 1e6,
                },
            ),
            (
                "streams",
                "Time for each segment by number of streams, one stream = 1",
                ("streams", "ratio to one stream"),
                log_x(1.0, 1_000.0),
            ),
            (
                "cameras",
                "Processor time of a camera",
                ("cameras", "ms a second"),
                log_x(10.0, 1_000.0),
            ),
            (
                "push",
                "Processor time of a push by length of the window",
                ("listed segments of 2 s", "µs"),
                log_x(30.0, 43_200.0),
            ),
        ];
        let mut shown = String::new();
        for (name, title, axes, scale) in plots {
            if let Some(points) = self.points.get(name) {
                let path = folder.join(format!("{name}.svg"));
                lines(&path, title, axes, points, &scale)?;
                writeln!(shown, "![{title}](plots/{name}.svg)")?;
            }
        }
        Ok(shown)
    }
}

fn enter(lines: &mut Vec<Line>, what: &str, against: &str, place: &str, figure: Figure) {
    let is_it =
        |line: &&mut Line| line.what == what && line.against == against && line.place == place;
    if let Some(line) = lines.iter_mut().find(is_it) {
        line.figures.push(figure);
    } else {
        lines.push(Line {
            what: what.into(),
            against: against.into(),
            place: place.into(),
            figures: vec![figure],
        });
    }
}

impl Line {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        let list = |of: &dyn Fn(&Figure) -> String| {
            let each: Vec<_> = self.figures.iter().map(of).collect();
            each.join("<br>")
        };
        let figures = list(&|it| format!("{}: **{}**{}", it.case, it.median, it.range));
        let goals = list(&|it| {
            if it.is_met {
                it.goal.clone()
            } else {
                format!("{}, not reached", it.goal)
            }
        });
        let (what, against, place) = (&self.what, &self.against, &self.place);
        writeln!(
            text,
            "| {what} | {against} | {place} | {figures} | {goals} |"
        )
    }
}

#[derive(Clone, Copy)]
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
    scale: &Axes,
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
    match *scale {
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
