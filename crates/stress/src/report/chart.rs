//! Line charts as SVG: no script, no font and no colour from elsewhere. Colours are classes, so that the page decides.

use super::escape::escape;
use std::fmt::Write;

/// More points than this are not seen apart.
const POINTS_MAX: usize = 400;
/// Lines have so many colours; more lines than that go around.
pub(crate) const COLORS: usize = 8;
const WIDTH: f64 = 540.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
const TICKS: usize = 4;

/// One line. Where a value is unknown the line has a gap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Seconds and values.
    pub(crate) points: Vec<(f64, Option<f64>)>,
}

/// A chart of lines over time.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// Unique on its page: what its title is found by.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// How a value is written at the axis.
    pub(crate) unit: fn(f64) -> String,
    /// The axis goes at least so far.
    pub(crate) top_min: f64,
    pub(crate) lines: Vec<Line>,
}

impl Chart {
    /// The chart as SVG; `None` where no line has a value.
    pub(crate) fn svg(&self) -> Option<String> {
        let values = self.lines.iter().flat_map(|line| &line.points).filter_map(|(_, value)| *value);
        let highest = super::series::peak(values)?;
        let step = step(highest.max(self.top_min));
        let top = step * (highest.max(self.top_min) / step).ceil().max(1.0);
        let end_s =
            super::series::peak(self.lines.iter().flat_map(|line| &line.points).map(|(at_s, _)| *at_s))?.max(1e-9);
        let area = Area { top, end_s };
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-title {id}-text\">\n\
             <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-text\">{}</desc>\n",
            escape(self.title),
            escape(&self.in_words()),
            id = self.id,
        );
        self.axes(&mut svg, area, step);
        for (at, line) in self.lines.iter().enumerate() {
            area.line(&mut svg, line, at % COLORS);
        }
        svg.push_str("</svg>\n");
        Some(svg)
    }

    fn axes(&self, svg: &mut String, area: Area, step: f64) {
        let right = WIDTH - RIGHT;
        let mut level = 0.0;
        while level <= area.top * 1.000_001 {
            let y = area.y(level);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
            let (x, below) = (LEFT - 6.0, y + 4.0);
            let text = (self.unit)(level);
            let text = escape(&text);
            let _ = writeln!(svg, "<text class=\"tick\" text-anchor=\"end\" x=\"{x}\" y=\"{below:.1}\">{text}</text>");
            level += step;
        }
        let every_s = self::step(area.end_s);
        let (mut at_s, y) = (0.0, HEIGHT - 6.0);
        while at_s <= area.end_s * 1.000_001 {
            let x = area.x(at_s);
            // The last one would be cut at the edge.
            let anchor = if x > WIDTH - 3.0 * RIGHT { "end" } else { "middle" };
            let text = if every_s < 1.0 { format!("{at_s:.1} s") } else { format!("{at_s:.0} s") };
            let _ = writeln!(svg, "<text class=\"tick\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y}\">{text}</text>");
            at_s += every_s;
        }
    }

    /// What it shows, for who does not see it: of each line the least and the most.
    fn in_words(&self) -> String {
        let words = self.lines.iter().map(|line| {
            let values = || line.points.iter().filter_map(|(_, value)| *value).filter(|value| value.is_finite());
            match (values().min_by(f64::total_cmp), values().max_by(f64::total_cmp)) {
                (Some(low), Some(high)) => format!("{}: {} to {}", line.name, (self.unit)(low), (self.unit)(high)),
                _ => format!("{}: not known", line.name),
            }
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

/// From values to places.
#[derive(Clone, Copy)]
struct Area {
    top: f64,
    end_s: f64,
}

impl Area {
    fn x(self, at_s: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (at_s / self.end_s).clamp(0.0, 1.0)
    }

    fn y(self, value: f64) -> f64 {
        TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value / self.top).clamp(0.0, 1.0))
    }

    fn line(self, svg: &mut String, line: &Line, color: usize) {
        let mut pieces = vec![Vec::new()];
        for (at_s, value) in thinned(&line.points) {
            match value.filter(|value| value.is_finite() && at_s.is_finite()) {
                Some(value) => pieces.last_mut().into_iter().for_each(|p| p.push((self.x(at_s), self.y(value)))),
                None => pieces.push(Vec::new()),
            }
        }
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            if let [(x, y)] = piece[..] {
                // A value between two gaps would be no line.
                let _ = writeln!(svg, "<circle class=\"c{color} dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>");
                continue;
            }
            let points: Vec<String> = piece.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = writeln!(svg, "<polyline class=\"c{color}\" points=\"{}\"/>", points.join(" "));
        }
    }
}

/// At most [`POINTS_MAX`] of them: of so many neighbours as fall together the least and the most, in their order, so that no
/// peak is lost; and nothing known of them where nothing is.
fn thinned(points: &[(f64, Option<f64>)]) -> Vec<(f64, Option<f64>)> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let together = points.len().div_ceil(POINTS_MAX / 2);
    let mut thin = Vec::with_capacity(POINTS_MAX);
    for group in points.chunks(together) {
        let known = group.iter().copied().enumerate().filter_map(|(at, (at_s, value))| Some((at, at_s, value?)));
        let least = known.clone().min_by(|a, b| a.2.total_cmp(&b.2));
        let most = known.max_by(|a, b| a.2.total_cmp(&b.2));
        match least.zip(most) {
            Some((a, b)) if a.0 == b.0 => thin.push((a.1, Some(a.2))),
            Some((a, b)) => {
                let (first, second) = if a.0 < b.0 { (a, b) } else { (b, a) };
                thin.extend([(first.1, Some(first.2)), (second.1, Some(second.2))]);
            }
            None => thin.extend(group.first()),
        }
    }
    thin
}

/// The distance of lines that people can read: 1, 2 or 5 of a power of ten, so that there are about [`TICKS`] of them.
fn step(highest: f64) -> f64 {
    if !(highest.is_finite() && highest > 0.0) {
        return 1.0;
    }
    let rough = highest / TICKS as f64;
    let power = 10f64.powi(rough.log10().floor() as i32);
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough * 0.999);
    step.filter(|step| *step > 0.0 && step.is_finite()).unwrap_or(rough)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chart(points: Vec<(f64, Option<f64>)>) -> Chart {
        let lines = vec![Line { name: "a<b>&\"c\"".to_owned(), points }];
        Chart { id: "test", title: "Rates & <more>", unit: |value| format!("{value} <u>"), top_min: 0.0, lines }
    }

    #[test]
    fn nothing_known_is_no_chart() {
        assert_eq!(chart(Vec::new()).svg(), None);
        assert_eq!(chart(vec![(1.0, None), (2.0, Some(f64::NAN))]).svg(), None);
    }

    #[test]
    fn a_gap_ends_a_line_and_a_lonely_value_is_a_dot() {
        let known = |at_s| (at_s, Some(5.0));
        let svg = chart(vec![known(1.0), known(2.0), (3.0, None), known(4.0), (5.0, None), known(6.0), known(7.0)]);
        let svg = svg.svg().expect("a chart");
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 1));
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let svg = chart(vec![(1.0, Some(1.0))]).svg().expect("a chart");
        assert!(svg.contains("Rates &amp; &lt;more&gt;") && svg.contains("a&lt;b&gt;&amp;&quot;c&quot;"), "{svg}");
        assert!(!svg.contains("<b>") && !svg.contains("<u>"), "{svg}");
    }

    #[test]
    fn steps_are_ones_twos_and_fives() {
        assert_eq!([0.0, 4.0, 1.0, 730_000.0, 100.0, f64::NAN].map(step), [1.0, 1.0, 0.5, 200_000.0, 50.0, 1.0]);
    }

    proptest! {
        #[test]
        fn thinning_keeps_the_extremes(values in prop::collection::vec(prop::option::weighted(0.9, -1e9..1e9_f64), 1..3_000)) {
            let points: Vec<_> = values.iter().enumerate().map(|(at, value)| (at as f64, *value)).collect();
            let thin = thinned(&points);
            prop_assert!(thin.len() <= POINTS_MAX);
            let most = |points: &[(f64, Option<f64>)]| crate::report::series::peak(points.iter().filter_map(|p| p.1));
            let least = |points: &[(f64, Option<f64>)]| crate::report::series::peak(points.iter().filter_map(|p| p.1.map(|v| -v)));
            prop_assert_eq!((most(&thin), least(&thin)), (most(&points), least(&points)));
            prop_assert!(thin.windows(2).all(|two| two[0].0 <= two[1].0));
        }

        #[test]
        fn all_that_is_drawn_lies_inside(values in prop::collection::vec(0.0..1e12_f64, 2..50)) {
            let points: Vec<_> = values.iter().enumerate().map(|(at, value)| (at as f64, Some(*value))).collect();
            let svg = chart(points).svg().expect("a chart");
            let drawn = svg.split("points=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a line");
            for pair in drawn.split(' ') {
                let (x, y) = pair.split_once(',').expect("a pair");
                let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
                prop_assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{}", pair);
            }
            prop_assert!(svg.matches("class=\"grid\"").count() <= 7, "{}", svg);
        }
    }
}
