//! Line charts as SVG, with logarithmic axes where the values span powers of ten.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 30.0;
/// The room for the labels of the horizontal axis, and for each row of the legend.
const BOTTOM: f64 = 58.0;
const LEGEND_ROW: f64 = 18.0;
const LEGEND_COLUMNS: usize = 3;
/// Colors that remain distinct for people who confuse red and green (Okabe and Ito).
const COLORS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// A picture of some lines over one horizontal axis. The vertical axis is logarithmic.
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    pub(crate) x_label: &'a str,
    pub(crate) x_scale: Scale,
    pub(crate) lines: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    Linear,
    Logarithmic,
}

/// A named line through points.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A range of values on an axis of some length.
struct Axis {
    from: f64,
    to: f64,
    length: f64,
    scale: Scale,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let place = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.max(f64::MIN_POSITIVE).log10(),
        };
        let (from, to) = (place(self.from), place(self.to));
        (place(value) - from) / (to - from).max(f64::MIN_POSITIVE) * self.length
    }
}

impl Chart<'_> {
    pub(crate) fn svg(&self) -> String {
        let mut out = String::new();
        // Writing to a string never fails.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let xs: Vec<f64> = all().map(|(x, _)| *x).collect();
        let ys: Vec<f64> = all().map(|(_, y)| *y).filter(|y| *y > 0.0).collect();
        let least = |of: &[f64]| of.iter().copied().fold(f64::INFINITY, f64::min);
        let most = |of: &[f64]| of.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let from = if self.x_scale == Scale::Linear { 0.0 } else { least(&xs) };
        let x = Axis { from, to: most(&xs), length: WIDTH, scale: self.x_scale };
        let decade = |value: f64, round: fn(f64) -> f64| 10f64.powf(round(value.log10()));
        let (bottom, top) = (decade(least(&ys), f64::floor), decade(most(&ys), f64::ceil));
        let y = Axis { from: bottom, to: top, length: HEIGHT, scale: Scale::Logarithmic };
        let floor = TOP + HEIGHT;
        let legend_rows = self.lines.len().div_ceil(LEGEND_COLUMNS) as f64;
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{title}</text>",
            LEFT + WIDTH + 20.0,
            floor + BOTTOM + legend_rows * LEGEND_ROW,
            title = escaped(self.title),
        )?;
        let mut line = bottom;
        while line <= top * 1.001 {
            let at = floor - y.place(line);
            writeln!(
                out,
                "<path d=\"M{LEFT} {at:.1}h{WIDTH}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{line}</text>",
                LEFT - 6.0,
                at + 4.0
            )?;
            line *= 10.0;
        }
        let mut marks = xs;
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        let mut last = f64::NEG_INFINITY;
        for mark in marks {
            let at = LEFT + x.place(mark);
            // Labels that would overlap are left out.
            if at - last > 36.0 {
                writeln!(out, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{mark}</text>", floor + 16.0)?;
                last = at;
            }
        }
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            LEFT + WIDTH / 2.0,
            floor + 32.0,
            escaped(self.x_label)
        )?;
        for (number, line) in self.lines.iter().enumerate() {
            let color = COLORS[number % COLORS.len()];
            let points = line.points.iter().filter(|(_, y)| *y > 0.0);
            let points: Vec<String> =
                points.map(|(a, b)| format!("{:.1},{:.1}", LEFT + x.place(*a), floor - y.place(*b))).collect();
            let (column, row) = (number % LEGEND_COLUMNS, number / LEGEND_COLUMNS);
            let left = LEFT + column as f64 * WIDTH / LEGEND_COLUMNS as f64;
            let at = floor + BOTTOM + row as f64 * LEGEND_ROW;
            writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\
                 <path d=\"M{left:.1} {:.1}h20\" stroke=\"{color}\" stroke-width=\"2\"/>\
                 <text x=\"{:.1}\" y=\"{at:.1}\">{}</text>",
                points.join(" "),
                at - 4.0,
                left + 26.0,
                escaped(&line.name)
            )?;
        }
        writeln!(out, "</svg>")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_placed_between_whole_powers_of_ten() {
        let lines = vec![
            Line { name: "a & b".to_owned(), points: vec![(1.0, 20.0), (64.0, 1_000.0)] },
            Line { name: "flat".to_owned(), points: vec![(1.0, 10.0), (64.0, 10.0)] },
        ];
        let svg = Chart { title: "T", x_label: "clients", x_scale: Scale::Logarithmic, lines }.svg();
        assert!(svg.contains("a &amp; b") && svg.contains(">1000</text>") && svg.contains(">10</text>"), "{svg}");
        // The largest value is at the top, the least power of ten at the bottom.
        assert!(svg.contains(&format!(" {:.1},{TOP:.1}\"", LEFT + WIDTH)), "{svg}");
        assert!(svg.contains(&format!("\"{LEFT:.1},{:.1} ", TOP + HEIGHT)), "{svg}");
    }
}
